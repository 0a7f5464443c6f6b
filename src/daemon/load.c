/*
 * load.c - a configuration and everything that is compiled from it, whole or not at all.
 */
#include "daemon.h"

#include "tdc/base/log.h"

int
loaded_compile(struct loaded *l, config_report_fn *report, void *arg, struct err *e)
{
	if (policy_set_new(l->config, &l->policy, e) == 0 &&
	    setup_new(l->config, &l->setup, e) == 0)
		return 0;
	/* These know one problem at a time; the line is theirs. */
	report(arg, true, e->text);
	return -1;
}

/* Its files, which are its business, are read in the making. */
static int
make_resolver(struct loaded *l, config_report_fn *report, void *arg, struct err *e)
{
	char where[ERR_TEXT_MAX];

	if (dns_resolver_new(&l->setup->dns, &l->resolver, e) == 0)
		return 0;
	config_where(config_root(l->config), "dns", where, sizeof(where));
	err_wrap(e, "%s: dns", where);
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
	    make_resolver(&l, report, arg, e) != 0) {
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
	char where[ERR_TEXT_MAX];

	if (o->is_foreground)
		s.target = LOG_TO_STDERR;
	if (log_change_new(&s, &l->log, e) == 0)
		return 0;
	const char *key = s.path == NULL ? "log.target" : "log.path";
	config_where(config_root(l->config), key, where, sizeof(where));
	err_wrap(e, "%s: %s", where, key);
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
