/*
 * privileges.c - root is needed for binding low ports, and for nothing else.
 *
 * Started as root with a configured user, everything is done with that user's effective
 * ids from the start, so that files belong to it and what can be read at the start can be
 * read at a reload. Root comes back only around the binding, and goes for good after it.
 * The C library changes the ids of all threads.
 */
#include "daemon.h"

#include "tdc/base/log.h"

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

static int
find_identity(const struct config *c, struct identity *ret, struct err *e)
{
	const char *user = config_text(config_root(c), "user");
	const char *group = config_text(config_root(c), "group");
	char where[ERR_TEXT_MAX];

	const struct passwd *account = getpwnam(user);
	if (account == NULL) {
		config_where(config_root(c), "user", where, sizeof(where));
		return err_set(e, ERR_CONFIG, 0, "%s: user: there is no user %s", where,
			       user);
	}
	*ret = (struct identity){ account->pw_uid, account->pw_gid, user };
	if (group == NULL)
		return 0;
	const struct group *entry = getgrnam(group);
	if (entry == NULL) {
		config_where(config_root(c), "group", where, sizeof(where));
		return err_set(e, ERR_CONFIG, 0, "%s: group: there is no group %s", where,
			       group);
	}
	ret->gid = entry->gr_gid;
	return 0;
}

int
privileges_lower(const struct config *c, struct err *e)
{
	struct identity id;

	if (geteuid() != 0)
		return 0;
	if (!config_is_set(config_root(c), "user")) {
		log_event(LOG_DAEMON, WARNING, "daemon.root", F0,
			  "running as root, because user is not set");
		return 0;
	}
	if (find_identity(c, &id, e) != 0)
		return -1;
	if (initgroups(id.user, id.gid) != 0 || setegid(id.gid) != 0 ||
	    seteuid(id.uid) != 0)
		return err_set(e, ERR_DENIED, errno, "becoming user %s", id.user);
	return 0;
}

int
privileges_raise_for_binding(struct err *e)
{
	if (getuid() == 0 && geteuid() != 0 && seteuid(0) != 0)
		return err_set(e, ERR_DENIED, errno, "coming back as root to bind");
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
