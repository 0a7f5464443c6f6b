/*
 * load.c - a configuration and everything that is compiled from it, whole or not at all.
 */
#include "daemon.h"

#include "tdc/base/log.h"

/* These know one problem at a time each; the line is theirs. *e is the first. */
int
loaded_compile(struct loaded *l, config_report_fn *report, void *arg, struct err *e)
{
	int policy = policy_set_new(l->config, &l->policy, e);
	struct err why;

	if (policy != 0)
		report(arg, true, e->text);
	if (setup_new(l->config, &l->setup, &why) == 0)
		return policy;
	report(arg, true, why.text);
	if (policy == 0)
		*e = why;
	return -1;
}

int
loaded_make_resolver(struct loaded *l, config_report_fn *report, void *arg, struct err *e)
{
	if (dns_resolver_new(&l->setup->dns, &l->resolver, e) == 0)
		return 0;
	setup_blame(config_root(l->config), "dns", "dns", e);
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
	if (loaded_compile(&l, report, arg, e) != 0 ||
	    loaded_make_resolver(&l, report, arg, e) != 0) {
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
