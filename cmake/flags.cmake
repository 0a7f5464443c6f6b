# One interface target that every part of ours links: language level, warnings, hardening.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
pkg_check_modules(LIBEVENT REQUIRED IMPORTED_TARGET libevent libevent_pthreads)
pkg_check_modules(OPENSSL REQUIRED IMPORTED_TARGET openssl>=3.0)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash>=0.8.0)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.37)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1)
pkg_check_modules(UNBOUND REQUIRED IMPORTED_TARGET libunbound)
pkg_check_modules(CURL REQUIRED IMPORTED_TARGET libcurl>=7.74)
pkg_check_modules(JANSSON REQUIRED IMPORTED_TARGET jansson>=2.13)

add_library(tdc_flags INTERFACE)
target_compile_definitions(tdc_flags INTERFACE _GNU_SOURCE TDC_VERSION="${PROJECT_VERSION}")
target_include_directories(tdc_flags INTERFACE ${PROJECT_SOURCE_DIR}/include)
target_compile_options(tdc_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
	-Wstrict-prototypes -Wmissing-prototypes -Wvla -fno-common -fno-strict-aliasing
	$<$<C_COMPILER_ID:GNU>:-Wno-format-truncation>)
target_link_libraries(tdc_flags INTERFACE Threads::Threads)
if(WERROR)
	target_compile_options(tdc_flags INTERFACE -Werror)
endif()
if(TDC_FAULTS)
	target_compile_definitions(tdc_flags INTERFACE TDC_FAULTS)
endif()
if(TDC_SANITIZE)
	target_compile_options(tdc_flags INTERFACE -fsanitize=${TDC_SANITIZE} -fno-omit-frame-pointer -g
		-fno-sanitize-recover=all)
	target_link_options(tdc_flags INTERFACE -fsanitize=${TDC_SANITIZE})
else()
	target_compile_options(tdc_flags INTERFACE -fstack-protector-strong -fPIE
		$<$<CONFIG:Release>:-D_FORTIFY_SOURCE=2> -g)
	target_link_options(tdc_flags INTERFACE -pie -Wl,-z,relro,-z,now)
endif()
