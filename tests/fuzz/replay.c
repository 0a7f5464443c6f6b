/*
 * replay.c - runs a fuzz target over the files of its corpus, in builds without libFuzzer.
 *
 * Fails when the corpus is missing or empty: a target without inputs proves nothing.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int
replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	if (f == NULL)
		return -1;
	static uint8_t data[1 << 20];
	size_t n = fread(data, 1, sizeof(data), f);
	fclose(f);
	/* An exact allocation, so that the sanitizer sees a read past the end. */
	uint8_t *exact = malloc(n == 0 ? 1 : n);
	if (exact == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		exact[i] = data[i];
	(void)LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	return 0;
}

int
main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
		return 2;
	}
	DIR *d = opendir(argv[1]);
	if (d == NULL) {
		perror(argv[1]);
		return 1;
	}
	unsigned files = 0;
	for (struct dirent *entry; (entry = readdir(d)) != NULL;) {
		char path[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		if (replay_file(path) != 0) {
			perror(path);
			closedir(d);
			return 1;
		}
		files++;
	}
	closedir(d);
	printf("%u inputs\n", files);
	return files == 0;
}
