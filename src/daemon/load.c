/*
 * load.c - a configuration and everything that is compiled from it, whole or not at all.
 */
#include "daemon.h"

#include "tdc/base/log.h"

int
loaded_compile(struct loaded *l, config_report_fn *report, void *arg, struct err *e)
{
	int policy = policy_set_new(l->config, report, arg, &l->policy, e);
	struct err why;
	int setup = setup_new(l->config, report, arg, &l->setup, &why);

	if (policy == 0 && setup != 0)
		*e = why;
	return policy == 0 ? setup : policy;
}

/* Each of the files alone; the number of those that cannot be used. */
static unsigned
look_at_dns_files(const struct config_node *root, const struct dns_settings *s,
		  config_report_fn *report, void *arg, struct err *e)
{
	const struct {
		const char *key;
		struct dns_settings alone;
	} files[] = {
		{ "dns.resolv_conf",
		  { .resolv_conf = s->resolv_conf, .hosts = "/dev/null" } },
		{ "dns.hosts", { .forwarder = "127.0.0.1", .hosts = s->hosts } },
	};
	unsigned found = 0;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		struct dns_resolver *r;
		struct err why;
		if (dns_resolver_new(&files[i].alone, &r, &why) == 0) {
			dns_resolver_free(r);
			continue;
		}
		setup_blame(root, files[i].key, files[i].key, &why);
		report(arg, true, why.text);
		if (found++ == 0)
			*e = why;
	}
	return found;
}

int
loaded_make_resolver(struct loaded *l, config_report_fn *report, void *arg, struct err *e)
{
	const struct config_node *root = config_root(l->config);
	struct dns_settings s;

	setup_dns(l->config, &s);
	if (dns_resolver_new(&s, &l->resolver, e) == 0)
		return 0;
	if (look_at_dns_files(root, &s, report, arg, e) > 0)
		return -1;
	setup_blame(root, "dns", "dns", e);
	report(arg, true, e->text);
	return -1;
}

int
loaded_new(const char *path, config_report_fn *report, void *arg, struct loaded *ret,
	   struct err *e)
{
	struct loaded l = { 0 };

	if (config_load(path, report, arg, &l.config, e) != 0)
		return -1;
	struct err why;
	int compiled = loaded_compile(&l, report, arg, e);
	int resolver = loaded_make_resolver(&l, report, arg, compiled == 0 ? e : &why);
	if (compiled != 0 || resolver != 0) {
		loaded_done(&l);
		return -1;
	}
	*ret = l;
	return 0;
}

int
loaded_open_log(struct loaded *l, const struct options *o, config_report_fn *report,
		void *arg, struct err *e)
{
	struct log_settings s = l->setup->log;

	if (o->is_foreground)
		s.target = LOG_TO_STDERR;
	if (log_change_new(&s, &l->log, e) == 0)
		return 0;
	const char *key = s.path == NULL ? "log.target" : "log.path";
	setup_blame(config_root(l->config), key, key, e);
	report(arg, true, e->text);
	return -1;
}

void
loaded_done(struct loaded *l)
{
	log_change_free(l->log);
	dns_resolver_free(l->resolver);
	setup_free(l->setup);
	policy_set_unref(l->policy);
	config_free(l->config);
	*l = (struct loaded){ 0 };
}
