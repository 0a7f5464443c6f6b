/*
 * parameters.h - the ESMTP parameters of MAIL and RCPT, as a table.
 */
#ifndef TDC_SRC_SMTP_PARAMETERS_H
#define TDC_SRC_SMTP_PARAMETERS_H

#include "tdc/smtp/command.h"

enum smtp_command_result smtp_parameters_parse(struct span text, struct smtp_command *ret,
					       struct smtp_command_error *error);

/*
 * 1 to 20 digits; what does not fit is UINT64_MAX, so that it is "too large" and not a
 * mistake. -1.
 */
int smtp_number_parse(struct span text, uint64_t *ret);

/* Takes what stands before the next blank off *text, and the blanks in front of it. */
struct span smtp_word_take(struct span *text);

/* Is it this name, in any case? Most are not, which their first letter tells. */
static inline bool
smtp_word_is(struct span word, const char *name)
{
	return word.n > 0 && ((word.p[0] ^ name[0]) & ~0x20) == 0 &&
	       span_equal_nocase(word, span_of(name));
}

#endif
