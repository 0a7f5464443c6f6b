/*
 * privileges.c - root is needed for binding low ports, and for nothing else.
 *
 * Started as root with a configured user, everything is done with that user's effective
 * ids from the start, so that files belong to it and what can be read at the start can be
 * read at a reload. Root comes back only around the binding, and goes for good after it.
 * The C library changes the ids of all threads.
 */
#include "daemon.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/un.h>
#include <unistd.h>

struct identity {
	uid_t uid;
	gid_t gid;
	const char *user;
};

/* By getpwnam(3); all other values, of which there are many, say: no such name. */
static bool
is_failed_look_up(int os)
{
	return os == EINTR || os == EIO || os == EMFILE || os == ENFILE || os == ENOMEM ||
	       os == ERANGE;
}

static int
not_found(const struct config *c, const char *key, const char *name, struct err *e)
{
	if (is_failed_look_up(errno))
		err_set(e, err_kind_of_errno(errno), errno, "looking up %s %s", key,
			name);
	else
		err_set(e, ERR_CONFIG, 0,
			"there is no %s %s; allowed: a %s of this system", key, name,
			key);
	return setup_blame(config_root(c), key, key, e);
}

static int
find_identity(const struct config *c, struct identity *ret, struct err *e)
{
	const char *user = config_text(config_root(c), "user");
	const char *group = config_text(config_root(c), "group");

	errno = 0;
	const struct passwd *account = getpwnam(user);
	if (account == NULL)
		return not_found(c, "user", user, e);
	*ret = (struct identity){ account->pw_uid, account->pw_gid, user };
	if (group == NULL)
		return 0;
	errno = 0;
	const struct group *entry = getgrnam(group);
	if (entry == NULL)
		return not_found(c, "group", group, e);
	ret->gid = entry->gr_gid;
	return 0;
}

static void
warn(const struct config *c, config_report_fn *report, void *arg, const char *text)
{
	struct err e;

	err_set(&e, ERR_CONFIG, 0, "%s", text);
	setup_blame(config_root(c), "user", "user", &e);
	report(arg, false, e.text);
}

static int
become(const struct identity *id, struct err *e)
{
	if (initgroups(id->user, id->gid) == 0 && setegid(id->gid) == 0 &&
	    seteuid(id->uid) == 0)
		return 0;
	return err_set(e, ERR_DENIED, errno, "becoming user %s", id->user);
}

int
privileges_lower(const struct config *c, config_report_fn *report, void *arg,
		 struct err *e)
{
	bool is_root = geteuid() == 0;
	struct identity id;

	if (!config_is_set(config_root(c), "user")) {
		if (is_root)
			warn(c, report, arg, "not set: started as root, tdcd stays root");
		return 0;
	}
	if (find_identity(c, &id, e) != 0 || (is_root && become(&id, e) != 0)) {
		report(arg, true, e->text);
		return -1;
	}
	if (!is_root && id.uid != geteuid())
		warn(c, report, arg,
		     "not started as root, tdcd does not become another user");
	return 0;
}

int
privileges_raise(uid_t *ret, struct err *e)
{
	uid_t before = geteuid();

	if (getuid() == 0 && before != 0 && seteuid(0) != 0)
		return err_set(e, ERR_DENIED, errno, "coming back as root to bind");
	*ret = before;
	return 0;
}

int
privileges_return(uid_t to, struct err *e)
{
	if (geteuid() != to && seteuid(to) != 0)
		return err_set(e, ERR_DENIED, errno, "becoming user %ld again", (long)to);
	return 0;
}

/* Sockets in the file system were made by root: they get the owner that everything
 * else has. */
static int
give_away(const struct server_settings *bound, uid_t uid, gid_t gid, struct err *e)
{
	for (size_t i = 0; i < bound->n_listeners; i++) {
		const struct sockaddr_storage *a = &bound->listeners[i].address.storage;
		const char *path =
			((const struct sockaddr_un *)(const void *)a)->sun_path;
		if (a->ss_family == AF_UNIX && lchown(path, uid, gid) != 0)
			return err_set(e, ERR_DENIED, errno, "owner of %s", path);
	}
	return 0;
}

int
privileges_drop(const struct config *c, const struct server_settings *bound,
		struct err *e)
{
	struct identity id;

	if (getuid() != 0 || !config_is_set(config_root(c), "user"))
		return 0;
	if (find_identity(c, &id, e) != 0 || give_away(bound, id.uid, id.gid, e) != 0)
		return -1;
	if (initgroups(id.user, id.gid) != 0 || setgid(id.gid) != 0 ||
	    setuid(id.uid) != 0)
		return err_set(e, ERR_DENIED, errno, "becoming user %s for good",
			       id.user);
	if (id.uid != 0 && setuid(0) == 0)
		return err_set(e, ERR_DENIED, 0, "root did not go for good");
	return 0;
}
