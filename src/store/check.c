/*
 * check.c - the deepest look, offline: the database, every body, the account.
 *
 * Changes nothing but what opening a database after a crash changes. One line per
 * finding.
 */
#include "store/state.h"

#include "store/lock.h"
#include "store/migrate.h"

#include "tdc/base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FINDING_MAX = 512, READ_BYTES = 64 * 1024 };

struct inquiry {
	struct spool spool; /* directory, lock and connection only */
	struct db *db;
	spool_hash_fn *hash;
	void *hash_arg;
	void (*report)(void *arg, const char *line);
	void *arg;
	int findings;
};

static void found(struct inquiry *q, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void
found(struct inquiry *q, const char *fmt, ...)
{
	char line[FINDING_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	q->findings++;
	q->report(q->arg, line);
}

/* -- the database -- */

static int
check_database(struct inquiry *q, struct err *e)
{
	sqlite3_stmt *st = NULL;
	int rc;

	if (sqlite3_prepare_v2(q->db->sql, "PRAGMA integrity_check(100)", -1, &st,
			       NULL) != SQLITE_OK)
		return db_error(q->db, "integrity check", e);
	while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
		const char *line = db_text(st, 0);
		if (line != NULL && strcmp(line, "ok") != 0)
			found(q, "database: %s", line);
	}
	if (rc != SQLITE_DONE) {
		db_error(q->db, "integrity check", e);
		found(q, "database: %s", e->text);
	}
	sqlite3_finalize(st);
	return 0;
}

/* -- bodies -- */

/* Where the bytes of a body are, from its row; NULL data and fd -1 when they are not. */
struct bytes {
	int fd;
	uint64_t offset;
	struct span data;
};

static int
open_bytes(struct inquiry *q, const struct spool_body *b, struct bytes *ret)
{
	char path[BODY_PATH_MAX];

	if (b->at.place == BODY_SEGMENT)
		segment_path(b->at.segment, path);
	else
		body_file_path(&b->at.file, path);
	ret->offset = b->at.place == BODY_SEGMENT ? b->at.offset : 0;
	ret->fd = openat(q->spool.directory_fd, path, O_RDONLY | O_CLOEXEC);
	if (ret->fd >= 0)
		return 0;
	found(q, "body %" PRId64 ": %s: %s", b->id, path, strerror(errno));
	return -1;
}

static void
add_bytes(struct inquiry *q, const void *p, size_t n, bool is_last,
	  struct body_facts *sums)
{
	q->hash(q->hash_arg, p, n, is_last, sums->sha256, sums->checksum);
}

/* The sums of the bytes on disk; -1 when not all can be read, which is a finding. */
static int
hash_file(struct inquiry *q, const struct spool_body *b, int fd, uint64_t offset,
	  struct body_facts *sums)
{
	char p[READ_BYTES];
	uint64_t left = b->facts.size;
	ssize_t r = 0;

	while (left > 0) {
		size_t n = left < READ_BYTES ? (size_t)left : READ_BYTES;
		if ((r = pread(fd, p, n, (off_t)offset)) <= 0)
			break;
		add_bytes(q, p, (size_t)r, false, sums);
		offset += (uint64_t)r;
		left -= (uint64_t)r;
	}
	if (r < 0)
		found(q, "body %" PRId64 ": %s", b->id, strerror(errno));
	else if (left > 0)
		found(q, "body %" PRId64 ": shorter than its row says", b->id);
	add_bytes(q, "", 0, true, sums); /* the next begins anew */
	return left > 0 ? -1 : 0;
}

static void
check_body(struct inquiry *q, struct spool_body *b)
{
	struct body_facts sums = { 0 };
	struct err e = { .kind = ERR_NONE };

	if (b->at.place == BODY_INLINE) {
		if (load_body_data(q->db, b, &e) != 0) {
			found(q, "body %" PRId64 ": %s", b->id, e.text);
			return;
		}
		add_bytes(q, b->data, (size_t)b->facts.size, false, &sums);
		add_bytes(q, "", 0, true, &sums);
	} else {
		struct bytes bytes;
		struct stat st;
		if (open_bytes(q, b, &bytes) != 0)
			return;
		if (b->at.place == BODY_FILE && fstat(bytes.fd, &st) == 0 &&
		    (uint64_t)st.st_size != b->facts.size)
			found(q,
			      "body %" PRId64
			      ": its file has %jd bytes, its row says %" PRIu64,
			      b->id, (intmax_t)st.st_size, b->facts.size);
		int r = hash_file(q, b, bytes.fd, bytes.offset, &sums);
		close(bytes.fd);
		if (r != 0)
			return;
	}
	if (memcmp(sums.sha256, b->facts.sha256, sizeof(sums.sha256)) != 0)
		found(q, "body %" PRId64 ": its bytes do not match its SHA-256", b->id);
	else if (memcmp(sums.checksum, b->facts.checksum, sizeof(sums.checksum)) != 0)
		found(q, "body %" PRId64 ": its bytes do not match its checksum", b->id);
}

/* 1: b is the next body; 0: there is none. */
static int
next_body(struct inquiry *q, int64_t after, struct spool_body *b, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(q->db, STATEMENT_BODY_WALK, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, after);
	int r = db_step(q->db, st, e);
	if (r != 1)
		return r;
	*b = (struct spool_body){ .id = sqlite3_column_int64(st, 0) };
	struct span sha256 = db_blob(st, 1), checksum = db_blob(st, 2);
	if (sha256.n == sizeof(b->facts.sha256))
		memcpy(b->facts.sha256, sha256.p, sha256.n);
	if (checksum.n == sizeof(b->facts.checksum))
		memcpy(b->facts.checksum, checksum.p, checksum.n);
	b->facts.size = (uint64_t)sqlite3_column_int64(st, 3);
	return 1;
}

static int
check_bodies(struct inquiry *q, struct err *e)
{
	struct spool_body b = { .id = 0 };
	int r;

	while ((r = next_body(q, b.id, &b, e)) == 1) {
		struct err place = { .kind = ERR_NONE };
		if (load_body_place(q->db, b.id, &b, &place) == 1)
			check_body(q, &b);
		else
			found(q, "body %" PRId64 ": %s", b.id, place.text);
		free(b.data);
		b.data = NULL;
	}
	return r;
}

/* -- rows -- */

static int
next_journal(struct inquiry *q, uint64_t after, uint64_t *mid, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(q->db, STATEMENT_WALK, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)after);
	db_bind_int(st, 2, 1);
	int r = db_step(q->db, st, e);
	if (r == 1)
		*mid = (uint64_t)sqlite3_column_int64(st, 0);
	return r;
}

static int
check_journals(struct inquiry *q, struct err *e)
{
	uint64_t mid = 0;
	int r;

	while ((r = next_journal(q, mid, &mid, e)) == 1) {
		struct spool_journal *j = NULL;
		struct err bad = { .kind = ERR_NONE };
		if (load_journal(q->db, mid, LOAD_STRICT, &j, &bad) != 1)
			found(q, "MID %" PRIu64 ": %s", mid, bad.text);
		spool_journal_free(j);
	}
	return r;
}

/* Rows of a statement as findings; `line` has two numbers in it. */
static int
check_statement(struct inquiry *q, enum statement which, const char *what, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(q->db, which, e);
	int r;

	if (st == NULL)
		return -1;
	while ((r = db_step(q->db, st, e)) == 1)
		if (sqlite3_column_count(st) < 3 ||
		    sqlite3_column_int64(st, 1) != sqlite3_column_int64(st, 2))
			found(q, "%s %" PRId64, what,
			      (int64_t)sqlite3_column_int64(st, 0));
	return r;
}

static int
check_policies(struct inquiry *q, struct err *e)
{
	int64_t wrong;

	if (db_ask(q->db,
		   "SELECT count(*) FROM policy AS p WHERE p.waiting <> (SELECT count(*) "
		   "FROM journal"
		   " WHERE policy = p.id AND state IN ('waiting', 'uncertain'))",
		   0, &wrong, e) != 0)
		return -1;
	if (wrong > 0)
		found(q,
		      "account: %" PRId64 " policies have a wrong number of waiting rows",
		      wrong);
	return 0;
}

static int
check_account(struct inquiry *q, struct err *e)
{
	int64_t terms[TERM_COUNT], counted[TERM_COUNT];
	char name[ACCOUNT_TERM_MAX];
	unsigned strangers;
	struct spool_account account;

	if (account_load(q->db, terms, &strangers, e) != 0 ||
	    account_count(q->db, counted, e) != 0)
		return -1;
	if (strangers > 0)
		found(q, "account: %u terms that do not exist", strangers);
	for (unsigned i = 0; i < TERM_COUNT; i++) {
		account_term_name(i, name);
		if (terms[i] != counted[i])
			found(q, "account: %s is %" PRId64 ", the rows say %" PRId64,
			      name, terms[i], counted[i]);
		if (terms[i] < 0)
			found(q, "account: %s is negative", name);
	}
	account_of_terms(counted, &account);
	if (spool_account_gap(&account) != 0)
		found(q, "account: a gap of %" PRId64, spool_account_gap(&account));
	return check_policies(q, e);
}

static int
check_all(struct inquiry *q, struct err *e)
{
	if (check_database(q, e) != 0 || check_bodies(q, e) != 0 ||
	    check_journals(q, e) != 0 ||
	    check_statement(q, STATEMENT_COUNT_SEGMENTS,
			    "live bytes do not match: segment", e) != 0 ||
	    check_statement(q, STATEMENT_COUNT_REFS, "references do not match: body",
			    e) != 0 ||
	    check_statement(q, STATEMENT_LONE_MESSAGES, "no journal refers to: message",
			    e) != 0)
		return -1;
	return check_account(q, e);
}

/* A look makes nothing: what is not there has no findings to be proud of. */
static int
is_there(const struct spool_settings *s, struct err *e)
{
	SCOPED(free_ptr) char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/%s.tdc.queue", s->directory,
		     s->name == NULL ? "spool" : s->name) < 0) {
		path = NULL;
		return err_set(e, ERR_MEMORY, 0, "no memory for a check");
	}
	if (stat(path, &st) != 0)
		return err_set(e, err_kind_of_errno(errno), errno, "%s", path);
	return 0;
}

int
spool_check(const struct spool_settings *s, spool_hash_fn *hash, void *hash_arg,
	    void (*report)(void *arg, const char *line), void *arg, struct err *e)
{
	const struct db_settings settings = { .mode = DB_WRITE,
					      .cache_kib = WRITER_CACHE_KIB,
					      .busy_ms = 2000 };
	struct inquiry q = {
		.hash = hash, .hash_arg = hash_arg, .report = report, .arg = arg
	};
	int r = -1;

	if (is_there(s, e) != 0)
		return -1;
	q.spool.directory_fd = q.spool.lock_fd = -1;
	q.db = &q.spool.writer.db;
	if (spool_lock(&q.spool, s, e) == 0 &&
	    db_open(q.db, q.spool.database, &settings, e) == 0 && migrate(q.db, e) == 0)
		r = check_all(&q, e);
	db_close(q.db);
	spool_unlock(&q.spool);
	free(q.spool.directory);
	free(q.spool.database);
	return r == 0 ? q.findings : -1;
}
