/*
 * words.h - the words of the configuration as values of an enumeration.
 */
#ifndef TDC_DAEMON_WORDS_H
#define TDC_DAEMON_WORDS_H

/* A table ends with a row without text; its value stands for every other word. */
struct word {
	const char *text;
	int value;
};
int word_find(const struct word *words, const char *text);

#endif
