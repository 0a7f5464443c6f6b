/*
 * form.h - what the text of a key may look like, where "any text" is too much.
 *
 * Syntax only: whether a file or a user exists is asked by whoever uses it.
 */
#ifndef CONFIG_FORM_H
#define CONFIG_FORM_H

#include <stdbool.h>

struct text_form {
	const char *allowed; /* as in "allowed: ..."; a noun phrase      */
	const char *pattern; /* for the JSON schema; NULL = none         */
	bool (*is_ok)(const char *text);
};

extern const struct text_form form_path;        /* /an/absolute/path             */
extern const struct text_form form_socket_path; /* the same, of a socket  */
extern const struct text_form form_name;        /* a user, a group, a spool       */
extern const struct text_form form_title;       /* a name that may hold spaces     */
extern const struct text_form form_hostname;
extern const struct text_form
	form_listen_address;                /* 127.0.0.1:10025, [::1]:25, unix:/path */
extern const struct text_form form_mode;    /* 0660                          */
extern const struct text_form form_network; /* 10.0.0.0/8, ::1, unix          */
extern const struct text_form form_mail_address;
extern const struct text_form
	form_sender_address; /* the same, or "" for the null sender */
extern const struct text_form
	form_address_pattern, /* user@domain, user@, @domain, domain, .domain */
	form_sender_pattern;  /* the same, or <> */
extern const struct text_form
	form_domain_pattern;                   /* domain, .domain, [literal], a word */
extern const struct text_form form_field_name; /* of a header field             */

/* Characters that no value may hold: controls, line separators, what YAML cannot carry.
 * The text is valid
 * UTF-8 (the YAML reader saw to that). */
bool form_is_printable(const char *text);

/* Keys of a mapping by name: letters, digits, - and _. */
bool form_is_key(const char *text);

#endif
