/*
 * settings.c - each area's settings from the configuration, but for the listeners.
 */
#include "settings.h"

#include "words.h"

#include "tdc/config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int
word_find(const struct word *words, const char *text)
{
	while (words->text != NULL && strcmp(words->text, text) != 0)
		words++;
	return words->value;
}

int
setup_blame(const struct config_node *n, const char *key, const char *label,
	    struct err *e)
{
	char where[ERR_TEXT_MAX];

	config_where(n, key, where, sizeof(where));
	return err_wrap(e, "%s: %s", where, label);
}

int
setup_blame_entry(const struct config_node *n, const char *key, const char *list,
		  size_t i, struct err *e)
{
	char label[SETUP_LABEL_MAX];

	snprintf(label, sizeof(label), "%s[%zu].%s", list, i, key);
	return setup_blame(n, key, label, e);
}

unsigned
setup_mode(const char *octal)
{
	return (unsigned)strtoul(octal, NULL, 8);
}

void
setup_log(const struct config *c, struct log_settings *ret)
{
	static const struct word targets[] = {
		{ "stderr", LOG_TO_STDERR }, { "file", LOG_TO_FILE },
		{ "syslog", LOG_TO_SYSLOG }, { "journald", LOG_TO_JOURNALD },
		{ NULL, LOG_TO_STDERR },
	};
	static const struct word forms[] = {
		{ "text", LOG_FORM_TEXT },
		{ "json", LOG_FORM_JSON },
		{ NULL, LOG_FORM_TEXT },
	};
	static const struct word levels[] = {
		{ "debug", LOG_LEVEL_DEBUG },     { "info", LOG_LEVEL_INFO },
		{ "warning", LOG_LEVEL_WARNING }, { "error", LOG_LEVEL_ERROR },
		{ NULL, LOG_LEVEL_INFO },
	};
	const struct config_node *n = config_root(c);

	*ret = (struct log_settings){
		.target =
			(enum log_target)word_find(targets, config_word(n, "log.target")),
		.form = (enum log_form)word_find(forms, config_word(n, "log.form")),
		.level = (enum log_level)word_find(levels, config_word(n, "log.level")),
		.path = config_text(n, "log.path"),
	};
}

/* The largest message that any listener takes: the spool must take it, too. */
static uint64_t
largest_message(const struct config_node *n)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < config_count(n, "listeners"); i++) {
		uint64_t size =
			config_size(config_at(n, "listeners", i), "max_message_size");
		if (size > largest)
			largest = size;
	}
	return largest;
}

void
setup_spool(const struct config *c, struct spool_settings *ret)
{
	const struct config_node *n = config_root(c);

	*ret = (struct spool_settings){
		.directory = config_text(n, "spool.directory"),
		.name = config_text(n, "spool.name"),
		.inline_max = config_size(n, "spool.inline_max"),
		.segment_max = config_size(n, "spool.segment_max"),
		.segment_size = config_size(n, "spool.segment_size"),
		.hot_max = config_size(n, "spool.hot_max"),
		.in_flight_max = config_size(n, "spool.in_flight_max"),
		.reserve = config_size(n, "spool.reserve"),
		.body_size_max = largest_message(n),
		.retention_ms = config_duration_ms(n, "spool.retention"),
		.wal_max = config_size(n, "spool.wal_max"),
		.body_workers = (unsigned)config_int(n, "spool.body_workers"),
	};
}

void
setup_deliver(const struct config *c, const char *hostname, struct deliver_settings *ret)
{
	const struct config_node *n = config_root(c);

	*ret = (struct deliver_settings){
		.hostname = hostname,
		.window = (size_t)config_int(n, "deliver.window"),
		.window_memory = (size_t)config_size(n, "deliver.window_memory"),
		.connections_max = (size_t)config_int(n, "deliver.max_connections"),
	};
}

static enum journal_choice
choice(const struct config_node *n, const char *key)
{
	static const struct word choices[] = {
		{ "pass", JOURNAL_CHOICE_DEFAULT },
		{ "attach", JOURNAL_CHOICE_ATTACH },
		{ "hold", JOURNAL_CHOICE_HOLD },
		{ NULL, JOURNAL_CHOICE_DEFAULT },
	};

	return (enum journal_choice)word_find(choices, config_word(n, key));
}

void
setup_journal(const struct config *c, const char *hostname, struct journal_settings *ret)
{
	static const struct word formats[] = {
		{ "journal", JOURNAL_FORMAT_JOURNAL },
		{ "exchange", JOURNAL_FORMAT_EXCHANGE },
		{ "bcc", JOURNAL_FORMAT_BCC },
		{ NULL, JOURNAL_FORMAT_JOURNAL },
	};
	const struct config_node *n = config_root(c);

	*ret = (struct journal_settings){
		.hostname = hostname,
		.format = (enum journal_format)word_find(
			formats, config_word(n, "connector.format")),
		.mail_from = config_text(n, "connector.mail_from"),
		.header_from = config_text(n, "connector.header_from"),
		.header_to = config_text(n, "connector.message_intake_address"),
		.client_ip_field = config_text(n, "connector.client_ip_field"),
		.has_cse_fields = config_bool(n, "connector.cse_fields"),
		.eight_bit = choice(n, "connector.eight_bit"),
		.utf8_header = choice(n, "connector.utf8_header"),
		.long_lines = choice(n, "connector.long_lines"),
		.bare_line_ends = choice(n, "connector.bare_line_ends"),
	};
}

void
setup_tls(const struct config *c, struct tls_client_settings *ret)
{
	const struct config_node *n = config_root(c);

	*ret = (struct tls_client_settings){
		.ca_file = config_text(n, "tls.ca_file"),
		.min_version = config_word(n, "tls.min_version"),
		.ciphers = config_text(n, "tls.ciphers"),
		.groups = config_text(n, "tls.groups"),
		.certificate_file = config_text(n, "tls.certificate_file"),
		.key_file = config_text(n, "tls.key_file"),
	};
}

void
setup_dns(const struct config *c, struct dns_settings *ret)
{
	const struct config_node *n = config_root(c);

	*ret = (struct dns_settings){
		.resolv_conf = config_text(n, "dns.resolv_conf"),
		.hosts = config_text(n, "dns.hosts"),
		.timeout_ms = config_duration_ms(n, "dns.timeout"),
	};
}

void
setup_tell(struct setup_problems *p, const struct err *e)
{
	if (p->count++ == 0)
		*p->first = *e;
	p->report(p->arg, true, e->text);
}

/* Who is blamed for settings of TLS: the keys of the section, or of an entry's. */
struct tls_blame {
	struct setup_problems *problems;
	const struct config_node *node;
	const char *section; /* NULL: an entry */
	size_t i;
};

static void
blame_setting(void *arg, const char *setting, const struct err *e)
{
	const struct tls_blame *b = arg;
	struct err placed = *e;

	if (b->section == NULL) {
		setup_blame_entry(b->node, setting, "destination_controls", b->i,
				  &placed);
	} else {
		char key[SETUP_LABEL_MAX];
		snprintf(key, sizeof(key), "%s.%s", b->section, setting);
		setup_blame(b->node, key, key, &placed);
	}
	setup_tell(b->problems, &placed);
}

/* An entry has the text of the entry default itself where it sets none of its own. */
static bool
is_inherited(const struct config_node *root, const struct config_node *entry,
	     const char *text)
{
	for (size_t i = 0; i < config_count(root, "destination_controls"); i++) {
		const struct config_node *other =
			config_at(root, "destination_controls", i);
		if (other != entry && config_text(other, "ca_file") == text &&
		    strcmp(config_text(other, "domain"), "default") == 0)
			return true;
	}
	return false;
}

static unsigned
look_at_tls(const struct config_node *root, const struct tls_client_settings *s,
	    struct setup_problems *p)
{
	struct tls_blame section = { .problems = p, .node = root, .section = "tls" };
	unsigned found = tls_settings_look(s, blame_setting, &section);

	for (size_t i = 0; i < config_count(root, "destination_controls"); i++) {
		const struct config_node *n = config_at(root, "destination_controls", i);
		const char *text = config_text(n, "ca_file");
		const struct tls_client_settings own = { .ca_file = text };
		struct tls_blame entry = { .problems = p, .node = n, .i = i };
		if (text != NULL && !is_inherited(root, n, text))
			found += tls_settings_look(&own, blame_setting, &entry);
	}
	return found;
}

/* Files are read here, and not again: what was made goes to deliver as it is. */
static void
make_tls(const struct config *c, struct deliver_tls **ret, struct setup_problems *p)
{
	const struct config_node *n = config_root(c);
	struct tls_client_settings s;
	struct err e;

	setup_tls(c, &s);
	if (look_at_tls(n, &s, p) > 0)
		return;
	int r = deliver_tls_new(&s, ret, &e);
	for (size_t i = 0; r == 0 && i < config_count(n, "destination_controls"); i++) {
		const char *ca_file =
			config_text(config_at(n, "destination_controls", i), "ca_file");
		r = ca_file == NULL ? 0 : deliver_tls_add(*ret, ca_file, &e);
	}
	if (r == 0)
		return;
	setup_blame(n, "tls", "tls", &e);
	setup_tell(p, &e);
}

static void
take_hostname(const struct config *c, char hostname[HOSTNAME_MAX],
	      struct setup_problems *p)
{
	const char *name = config_text(config_root(c), "hostname");
	struct err e;

	hostname[HOSTNAME_MAX - 1] = '\0';
	if (name != NULL) {
		size_t n = strnlen(name, HOSTNAME_MAX - 1);
		memcpy(hostname, name, n);
		hostname[n] = '\0';
	} else if (gethostname(hostname, HOSTNAME_MAX - 1) != 0) {
		err_set(&e, ERR_CONFIG, errno, "not set, and the system has none");
		setup_blame(config_root(c), "hostname", "hostname", &e);
		setup_tell(p, &e);
	}
}

int
setup_new(const struct config *c, config_report_fn *report, void *arg, struct setup **ret,
	  struct err *e)
{
	const struct config_node *n = config_root(c);
	struct setup_problems problems = { .report = report, .arg = arg, .first = e };
	struct setup *s = calloc(1, sizeof(*s));
	struct err no_memory;

	if (s == NULL) {
		err_set(&no_memory, ERR_MEMORY, 0, "no memory for settings");
		setup_tell(&problems, &no_memory);
		return -1;
	}
	setup_log(c, &s->log);
	setup_spool(c, &s->spool);
	setup_dns(c, &s->dns);
	s->admin_socket = config_text(n, "admin.socket");
	s->admin_mode = setup_mode(config_text(n, "admin.mode"));
	take_hostname(c, s->hostname, &problems);
	make_tls(c, &s->tls, &problems);
	setup_server(c, s->hostname, &s->server, &problems);
	if (problems.count > 0) {
		setup_free(s);
		return -1;
	}
	setup_deliver(c, s->hostname, &s->deliver);
	setup_journal(c, s->hostname, &s->journal);
	*ret = s;
	return 0;
}

void
setup_free(struct setup *s)
{
	if (s == NULL)
		return;
	deliver_tls_free(s->tls);
	setup_server_done(&s->server);
	free(s);
}
