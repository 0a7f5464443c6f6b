/*
 * load.c - rows to values. What does not fit its own shape is corrupt, and said so by
 * name.
 */
#include "store/state.h"

#include "store/pack.h"

#include "tdc/base/cleanup.h"

#include <stdlib.h>

enum load_column { /* as LOAD_COLUMNS */
		   J_MID,
		   J_UID,
		   J_KIND,
		   J_POLICY,
		   J_STATE,
		   J_ATTEMPTS,
		   J_CREATED_AT,
		   J_NEXT_AT,
		   J_ENDED_AT,
		   J_PROFILE,
		   J_LAST_REPLY,
		   J_TLS,
		   J_DESTINATION,
		   J_REASON,
		   J_RIDS,
		   J_RELEASED,
		   M_MID,
		   M_SOURCE,
		   M_ACCEPTED_AT,
		   M_SENDER,
		   M_RECIPIENTS,
		   M_ENVID,
		   M_RET,
		   M_ICID,
		   M_LISTENER,
		   M_CLIENT_ADDRESS,
		   M_CLIENT_NAME,
		   M_HELO,
		   M_PROTOCOL,
		   M_QUEUE_ID,
		   M_FORWARD_SOURCE,
		   M_SUBJECT,
		   M_MESSAGE_ID,
		   M_HEADER_FROM,
		   M_FLAGS,
		   B_ID,
		   B_SHA256,
		   B_CHECKSUM,
		   B_SIZE,
		   B_FACTS,
		   B_HEADER_SIZE,
		   B_LONGEST_LINE,
		   B_PLACE,
		   B_SEGMENT,
		   B_OFFSET,
		   B_FILE
};

static int
corrupt(struct err *e, const char *what)
{
	return err_set(e, ERR_CORRUPT, 0, "%s is damaged", what);
}

static int
no_memory(struct err *e)
{
	return err_set(e, ERR_MEMORY, 0, "no memory for a row");
}

/* NULL stays NULL. */
static int
copy_text(sqlite3_stmt *st, int column, char **field)
{
	const char *text = db_text(st, column);
	return text == NULL ? 0 : spool_message_set(field, span_of(text));
}

struct text_column {
	int column;
	size_t field; /* offset of the char * */
};

static int
copy_texts(sqlite3_stmt *st, const struct text_column *c, size_t n, void *object,
	   struct err *e)
{
	for (size_t i = 0; i < n; i++)
		if (copy_text(st, c[i].column,
			      (char **)(void *)((char *)object + c[i].field)) != 0)
			return no_memory(e);
	return 0;
}

/* The index of a word in a table of n names; -1. */
static int
find_word(const char *word, int n, const char *(*name)(int))
{
	for (int i = 0; word != NULL && i < n; i++)
		if (strcmp(word, name(i)) == 0)
			return i;
	return -1;
}

static const char *
kind_word(int i)
{
	return journal_kind_name((enum journal_kind)i);
}

static const char *
source_word(int i)
{
	return message_source_name((enum message_source)i);
}

static const char *
ret_word(int i)
{
	const char *name = message_ret_name((enum message_ret)i);
	return name == NULL ? "" : name;
}

static const char *
place_word(int i)
{
	return body_place_name((enum body_place)i);
}

/* -- journal -- */

static const struct text_column journal_texts[] = {
	{ J_POLICY, offsetof(struct spool_journal, policy) },
	{ J_PROFILE, offsetof(struct spool_journal, profile) },
	{ J_LAST_REPLY, offsetof(struct spool_journal, last_reply) },
	{ J_TLS, offsetof(struct spool_journal, tls) },
	{ J_DESTINATION, offsetof(struct spool_journal, destination) },
	{ J_REASON, offsetof(struct spool_journal, reason) },
	{ J_RIDS, offsetof(struct spool_journal, rids) },
};

static int
fill_journal(sqlite3_stmt *st, struct spool_journal *j, enum load_mode mode,
	     struct err *e)
{
	struct span uid = db_blob(st, J_UID);
	int kind = find_word(db_text(st, J_KIND), JOURNAL_KIND_FORWARD + 1, kind_word);
	bool is_strict = mode == LOAD_STRICT;

	if (is_strict &&
	    (uid.n != UID_BYTES || kind < 0 || db_text(st, J_POLICY) == NULL))
		return corrupt(e, "the journal's row");
	if (journal_state_parse(span_of(db_text(st, J_STATE)), &j->state) != 0) {
		if (is_strict)
			return corrupt(e, "the journal's state");
		j->state = JOURNAL_QUARANTINED;
	}
	if (uid.n == UID_BYTES)
		memcpy(j->uid.b, uid.p, UID_BYTES);
	j->mid = (uint64_t)sqlite3_column_int64(st, J_MID);
	j->kind = kind < 0 ? JOURNAL_KIND_JOURNAL : (enum journal_kind)kind;
	j->attempts = (uint32_t)sqlite3_column_int64(st, J_ATTEMPTS);
	j->created_at = sqlite3_column_int64(st, J_CREATED_AT);
	j->next_at = sqlite3_column_int64(st, J_NEXT_AT);
	j->ended_at = sqlite3_column_int64(st, J_ENDED_AT);
	j->is_released = sqlite3_column_int64(st, J_RELEASED) != 0;
	if (copy_texts(st, journal_texts,
		       sizeof(journal_texts) / sizeof(journal_texts[0]), j, e) != 0)
		return -1;
	if (j->policy == NULL && spool_message_set(&j->policy, span_of("")) != 0)
		return no_memory(e);
	return 0;
}

/* -- message -- */

static const struct text_column message_texts[] = {
	{ M_SENDER, offsetof(struct spool_message, sender) },
	{ M_ENVID, offsetof(struct spool_message, envid) },
	{ M_LISTENER, offsetof(struct spool_message, listener) },
	{ M_CLIENT_ADDRESS, offsetof(struct spool_message, client_address) },
	{ M_CLIENT_NAME, offsetof(struct spool_message, client_name) },
	{ M_HELO, offsetof(struct spool_message, helo) },
	{ M_PROTOCOL, offsetof(struct spool_message, protocol) },
	{ M_QUEUE_ID, offsetof(struct spool_message, queue_id) },
	{ M_FORWARD_SOURCE, offsetof(struct spool_message, forward_source) },
	{ M_SUBJECT, offsetof(struct spool_message, subject) },
	{ M_MESSAGE_ID, offsetof(struct spool_message, message_id) },
	{ M_HEADER_FROM, offsetof(struct spool_message, header_from) },
};

static int
fill_recipients(sqlite3_stmt *st, struct spool_message *m, bool is_strict, struct err *e)
{
	const char *text = db_text(st, M_RECIPIENTS);
	size_t n = text == NULL ? 0 : (size_t)sqlite3_column_bytes(st, M_RECIPIENTS);
	enum unpack r = unpack_recipients(span_make(text, n), m);

	if (r == UNPACK_MEMORY)
		return no_memory(e);
	if (r == UNPACK_CORRUPT && is_strict)
		return corrupt(e, "the list of recipients");
	return 0;
}

static int
fill_message(sqlite3_stmt *st, struct spool_message *m, enum load_mode mode,
	     struct err *e)
{
	int source = find_word(db_text(st, M_SOURCE), MESSAGE_SOURCE_COUNT, source_word);
	int ret = find_word(db_text(st, M_RET), MESSAGE_RET_COUNT, ret_word);
	int64_t flags = sqlite3_column_int64(st, M_FLAGS);
	bool is_strict = mode == LOAD_STRICT;

	if (is_strict && (sqlite3_column_type(st, M_MID) == SQLITE_NULL || source < 0 ||
			  db_text(st, M_SENDER) == NULL))
		return corrupt(e, "the message's row");
	m->mid = (uint64_t)sqlite3_column_int64(st, M_MID);
	m->source = source < 0 ? MESSAGE_FROM_SMTP : (enum message_source)source;
	m->accepted_at = sqlite3_column_int64(st, M_ACCEPTED_AT);
	m->icid = (uint64_t)sqlite3_column_int64(st, M_ICID);
	m->ret = ret < 0 ? MESSAGE_RET_NONE : (enum message_ret)ret;
	m->is_smtputf8 = (flags & 1) != 0;
	m->is_binarymime = (flags & 2) != 0;
	m->is_8bitmime = (flags & 4) != 0;
	m->is_requiretls = (flags & 8) != 0;
	if (copy_texts(st, message_texts,
		       sizeof(message_texts) / sizeof(message_texts[0]), m, e) != 0)
		return -1;
	if (m->sender == NULL && spool_message_set(&m->sender, span_of("")) != 0)
		return no_memory(e);
	return fill_recipients(st, m, is_strict, e);
}

/* -- body -- */

static int
fill_place(struct body_place_data *at, const char *word, int64_t segment, int64_t offset,
	   struct span file, struct err *e)
{
	int place = find_word(word, BODY_FILE + 1, place_word);

	if (place < 0 || (place == BODY_FILE && file.n != UID_BYTES) ||
	    (place == BODY_SEGMENT && (segment <= 0 || offset < 0)))
		return corrupt(e, "the place of the body");
	at->place = (enum body_place)place;
	at->segment = (uint64_t)segment;
	at->offset = (uint64_t)offset;
	if (file.n == UID_BYTES)
		memcpy(at->file.b, file.p, UID_BYTES);
	return 0;
}

static int
fill_body(sqlite3_stmt *st, struct spool_body *b, enum load_mode mode, struct err *e)
{
	struct span sha256 = db_blob(st, B_SHA256);
	struct span checksum = db_blob(st, B_CHECKSUM);
	int64_t size = sqlite3_column_int64(st, B_SIZE);
	bool is_strict = mode == LOAD_STRICT;

	if (is_strict &&
	    (sqlite3_column_type(st, B_ID) == SQLITE_NULL || sha256.n != 32 ||
	     checksum.n != sizeof(b->facts.checksum) || size < 0))
		return corrupt(e, "the body's row");
	if (sha256.n == 32)
		memcpy(b->facts.sha256, sha256.p, 32);
	if (checksum.n == sizeof(b->facts.checksum))
		memcpy(b->facts.checksum, checksum.p, checksum.n);
	b->id = sqlite3_column_int64(st, B_ID);
	b->facts.size = size < 0 ? 0 : (uint64_t)size;
	b->facts.facts = (unsigned)sqlite3_column_int64(st, B_FACTS);
	b->facts.header_size = (uint64_t)sqlite3_column_int64(st, B_HEADER_SIZE);
	b->facts.longest_line = (uint32_t)sqlite3_column_int64(st, B_LONGEST_LINE);
	int r = fill_place(&b->at, db_text(st, B_PLACE),
			   sqlite3_column_int64(st, B_SEGMENT),
			   sqlite3_column_int64(st, B_OFFSET), db_blob(st, B_FILE),
			   is_strict ? e : NULL);
	return is_strict ? r : 0;
}

/* -- all of it -- */

static void
drop_journal(struct spool_journal **j)
{
	spool_journal_free(*j);
}

int
load_journal(struct db *db, uint64_t mid, enum load_mode mode, struct spool_journal **ret,
	     struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(db, STATEMENT_LOAD, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, (int64_t)mid);
	int r = db_step(db, st, e);
	if (r != 1)
		return r;
	SCOPED(drop_journal) struct spool_journal *j = calloc(1, sizeof(*j));
	if (j == NULL || (j->message = spool_message_new()) == NULL ||
	    (j->body = body_new()) == NULL)
		return no_memory(e);
	r = fill_journal(st, j, mode, e) != 0 ||
			    fill_message(st, j->message, mode, e) != 0 ||
			    fill_body(st, j->body, mode, e) != 0
		    ? -1
		    : 1;
	/*
	 * A text that is NULL may be one that there was no memory for: SQLite says so
	 * apart from it.
	 */
	if (sqlite3_errcode(db->sql) == SQLITE_NOMEM)
		return no_memory(e);
	if (r == 1)
		*ret = TAKE_PTR(j);
	return r;
}

int
load_body_data(struct db *db, struct spool_body *b, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(db, STATEMENT_BODY_DATA, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, b->id);
	int r = db_step(db, st, e);
	if (r < 0)
		return -1;
	struct span data = r == 1 ? db_blob(st, 0) : span_make(NULL, 0);
	if (r == 0 || data.n != b->facts.size)
		return err_set(e, ERR_CORRUPT, 0, "the body is %s",
			       r == 0 ? "gone" : "not as long as its row says");
	char *copy = malloc(data.n + 1);
	if (copy == NULL)
		return no_memory(e);
	if (data.n > 0)
		memcpy(copy, data.p, data.n);
	free(b->data);
	b->data = copy;
	return 0;
}

int
load_body_place(struct db *db, int64_t id, struct spool_body *b, struct err *e)
{
	SCOPED(db_release) sqlite3_stmt *st = db_use(db, STATEMENT_BODY_PLACE, e);
	if (st == NULL)
		return -1;
	db_bind_int(st, 1, id);
	int r = db_step(db, st, e);
	if (r == 1 && fill_place(&b->at, db_text(st, 0), sqlite3_column_int64(st, 1),
				 sqlite3_column_int64(st, 2), db_blob(st, 3), e) != 0)
		return -1;
	return r;
}
