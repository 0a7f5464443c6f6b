/*
 * statements.h - every SQL statement of the normal flow, as one table.
 *
 * To add one, add a row to STATEMENTS. A test explains each of them: none may scan a
 * table but those that are marked SCANS, which only run for proofs and checks or on
 * tables of a few rows.
 */
#ifndef TDC_STORE_STATEMENTS_H
#define TDC_STORE_STATEMENTS_H

#include <stdbool.h>

/* clang-format off */

/* A journal and what it hangs on; the columns are named by enum load_column in load.c. */
#define LOAD_COLUMNS \
	"SELECT j.mid, j.uid, j.kind, p.name, j.state, j.attempts, j.created_at, j.next_at," \
	" j.ended_at, r.text, j.last_reply, j.tls, j.destination, j.reason, j.rids, j.released," \
	" m.mid, m.source, m.accepted_at, m.sender, m.recipients, m.envid, m.ret, m.icid," \
	" m.listener, m.client_address, m.client_name, m.helo, m.protocol, m.queue_id," \
	" m.forward_source, m.subject, m.message_id, m.header_from, m.flags," \
	" b.id, b.sha256, b.checksum, b.size, b.facts, b.header_size, b.longest_line, b.place," \
	" b.segment, b.offset, b.file" \
	" FROM journal AS j LEFT JOIN policy AS p ON p.id = j.policy" \
	" LEFT JOIN profile AS r ON r.id = j.profile" \
	" LEFT JOIN message AS m ON m.mid = j.message LEFT JOIN body AS b ON b.id = m.body"

#define DUE \
	"FROM journal WHERE policy = (SELECT id FROM policy WHERE name = ?1)" \
	" AND state IN ('waiting', 'uncertain') AND "

#define STATEMENTS(X) \
	X(BEGIN, 0, "BEGIN IMMEDIATE") \
	X(COMMIT, 0, "COMMIT") \
	X(ROLLBACK, 0, "ROLLBACK") \
	X(READ_BEGIN, 0, "BEGIN") \
	/* acceptance */ \
	X(BODY_INSERT, 0, \
	  "INSERT INTO body (sha256, size, facts, header_size, longest_line, refs, place," \
	  " segment, offset, file, data, id, checksum)" \
	  " VALUES (?1, ?2, ?3, ?4, ?5, 1, ?6, ?7, ?8, ?9, ?10, ?11, ?12)") \
	X(MESSAGE_INSERT, 0, \
	  "INSERT INTO message (mid, body, source, accepted_at, sender, recipients, envid," \
	  " icid, listener, client_address, client_name, helo, protocol, queue_id," \
	  " forward_source, subject, message_id, header_from, flags, ret) VALUES (?1, ?2, ?3, ?4," \
	  " ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20)") \
	X(JOURNAL_INSERT, 0, \
	  "INSERT INTO journal (mid, uid, message, kind, policy, state, created_at, rids)" \
	  " VALUES (?1, ?2, ?3, ?4, ?5, 'waiting', ?6, ?7)") \
	X(POLICY_INSERT, 0, "INSERT INTO policy (id, name) VALUES (?1, ?2)") \
	X(POLICY_ADD, 0, "UPDATE policy SET waiting = waiting + ?2 WHERE id = ?1") \
	X(SEGMENT_ADD, 0, \
	  "INSERT INTO segment (id, state, live_bytes, size) VALUES (?1, 'open', ?2, ?3)" \
	  " ON CONFLICT (id) DO UPDATE SET live_bytes = live_bytes + excluded.live_bytes," \
	  " size = max(size, excluded.size)") \
	X(SEGMENT_SUBTRACT, 0, "UPDATE segment SET live_bytes = live_bytes + ?2 WHERE id = ?1") \
	X(SEGMENT_STATE, 0, "UPDATE segment SET state = ?2 WHERE id = ?1") \
	X(SEGMENT_DROP, 0, \
	  "DELETE FROM segment WHERE id = ?1 AND state <> 'open' AND live_bytes <= 0" \
	  " AND NOT EXISTS (SELECT 1 FROM body WHERE segment = ?1) RETURNING id") \
	X(META_SET, 0, \
	  "INSERT INTO meta (key, value) VALUES (?1, ?2)" \
	  " ON CONFLICT (key) DO UPDATE SET value = excluded.value") \
	X(META_GET, 0, "SELECT value FROM meta WHERE key = ?1") \
	X(ACCOUNT_ADD, 0, \
	  "INSERT INTO account (term, n) VALUES (?1, ?2)" \
	  " ON CONFLICT (term) DO UPDATE SET n = n + excluded.n") \
	/* outcomes, changes, deletion */ \
	X(JOURNAL_STATE, 0, "SELECT state, policy FROM journal WHERE mid = ?1") \
	X(JOURNAL_UPDATE, 0, \
	  "UPDATE journal SET state = ?2, attempts = max(attempts, ?3), next_at = ?4," \
	  " ended_at = ?5, last_reply = coalesce(?6, last_reply), tls = coalesce(?7, tls)," \
	  " destination = coalesce(?8, destination), profile = coalesce(?9, profile)," \
	  " reason = ?10 WHERE mid = ?1") \
	X(JOURNAL_QUARANTINE, 0, \
	  "UPDATE journal SET state = 'quarantined', reason = ?2, next_at = 0 WHERE mid = ?1") \
	X(JOURNAL_HOLD, 0, \
	  "UPDATE journal SET state = 'held', next_at = 0, released = 0, reason = NULL," \
	  " ended_at = NULL WHERE mid = ?1") \
	X(JOURNAL_RELEASE, 0, \
	  "UPDATE journal SET state = 'waiting', next_at = 0, attempts = 0, created_at = ?2," \
	  " released = 1, reason = NULL, ended_at = NULL WHERE mid = ?1") \
	X(JOURNAL_AGAIN, 0, \
	  "UPDATE journal SET state = 'waiting', next_at = 0, attempts = 0, created_at = ?2," \
	  " reason = NULL, ended_at = NULL WHERE mid = ?1") \
	X(JOURNAL_NOW, 0, "UPDATE journal SET next_at = 0 WHERE mid = ?1 AND next_at > 0") \
	/* SELECT and DELETE: a RETURNING is a table in memory, made anew each time. */ \
	X(JOURNAL_MESSAGE, 0, \
	  "SELECT j.message, m.body FROM journal AS j LEFT JOIN message AS m ON m.mid = j.message" \
	  " WHERE j.mid = ?1") \
	X(JOURNAL_DELETE, 0, "DELETE FROM journal WHERE mid = ?1") \
	X(JOURNAL_OF_MESSAGE, 0, "SELECT 1 FROM journal WHERE message = ?1 LIMIT 1") \
	X(MESSAGE_DELETE, 0, "DELETE FROM message WHERE mid = ?1") \
	X(BODY_LAST, 0, \
	  "SELECT place, segment, size, file FROM body WHERE id = ?1 AND refs <= 1") \
	X(BODY_DELETE, 0, "DELETE FROM body WHERE id = ?1") \
	X(BODY_UNREF, 0, "UPDATE body SET refs = refs - 1 WHERE id = ?1") \
	X(BODY_KEEP, 0, \
	  "UPDATE body SET kept_until = max(coalesce(kept_until, 0), ?2) WHERE id =" \
	  " (SELECT m.body FROM journal AS j JOIN message AS m ON m.mid = j.message" \
	  " WHERE j.mid = ?1)") \
	X(BODY_MOVE, 0, \
	  "UPDATE body SET segment = ?3, offset = ?4 WHERE id = ?1 AND segment = ?2") \
	X(PROFILE_ADD, 0, \
	  "INSERT INTO profile (text) VALUES (?1) ON CONFLICT (text) DO NOTHING") \
	X(PROFILE_FIND, 0, "SELECT id FROM profile WHERE text = ?1") \
	X(DESTINATION_SET, 0, \
	  "INSERT INTO destination (name, profile) VALUES (?1, ?2)" \
	  " ON CONFLICT (name) DO UPDATE SET profile = excluded.profile") \
	/* what a crash left: the profile that was in use, for MIDs up to one */ \
	X(UNCLEAN_MERGE, SCANS, \
	  "DELETE FROM unclean AS u WHERE profile =" \
	  " (SELECT profile FROM destination WHERE name = u.destination) AND upto =" \
	  " (SELECT max(upto) FROM unclean WHERE destination = u.destination)") \
	X(UNCLEAN_ADD, SCANS, \
	  "INSERT INTO unclean (destination, upto, profile)" \
	  " SELECT name, ?1, profile FROM destination") \
	X(UNCLEAN_DROP, SCANS, "DELETE FROM unclean WHERE upto < ?1") \
	X(UNCLEAN_ALL, SCANS, \
	  "SELECT u.destination, u.upto, p.text FROM unclean AS u" \
	  " JOIN profile AS p ON p.id = u.profile ORDER BY u.destination, u.upto") \
	X(ENDED, 0, \
	  "SELECT mid FROM journal WHERE state = 'delivered' AND ended_at <= ?1" \
	  " ORDER BY ended_at LIMIT ?2") \
	/* walks in the order of MIDs */ \
	X(WALK, 0, \
	  "SELECT mid, state, created_at, policy, next_at FROM journal WHERE mid > ?1" \
	  " ORDER BY mid LIMIT ?2") \
	/* the first that waits: whose time began anew is younger than others behind it */ \
	X(OLDEST, 0, \
	  "SELECT j.mid, j.state, j.created_at, m.accepted_at FROM journal AS j" \
	  " LEFT JOIN message AS m ON m.mid = j.message WHERE j.mid > ?1" \
	  " ORDER BY j.mid LIMIT ?2") \
	X(WALK_STATE, 0, \
	  "SELECT mid, state, created_at, policy, next_at FROM journal WHERE state = ?3" \
	  " AND (state = 'held' OR state = 'dead' OR state = 'quarantined')" \
	  " AND mid > ?1 ORDER BY mid LIMIT ?2") \
	X(WALK_MESSAGE, 0, \
	  "SELECT mid, state FROM journal WHERE message = ?3 AND mid > ?1" \
	  " ORDER BY mid LIMIT ?2") \
	/* the due queue: one range over (next_at, mid) would walk all of an equal next_at */ \
	X(DUE_SAME, 0, \
	  "SELECT mid, next_at " DUE "next_at = ?2 AND mid > ?3 ORDER BY mid LIMIT ?4") \
	X(DUE_LATER, 0, \
	  "SELECT mid, next_at " DUE "next_at > ?2 AND next_at <= ?3" \
	  " ORDER BY next_at, mid LIMIT ?4") \
	X(DUE_NEXT, 0, "SELECT next_at " DUE "next_at > ?2 ORDER BY next_at LIMIT 1") \
	X(LOAD, 0, LOAD_COLUMNS " WHERE j.mid = ?1") \
	X(BODY_DATA, 0, "SELECT data FROM body WHERE id = ?1") \
	X(BODY_PLACE, 0, "SELECT place, segment, offset, file, size FROM body WHERE id = ?1") \
	X(BODY_OF_FILE, 0, "SELECT 1 FROM body WHERE file = ?1") \
	X(BODY_OF_SEGMENT, 0, "SELECT 1 FROM body WHERE segment = ?1 LIMIT 1") \
	/* segments: compaction */ \
	X(SEGMENT_BODIES, 0, "SELECT id, offset, size FROM body WHERE segment = ?1 LIMIT ?2") \
	X(SEGMENT_END, 0, "SELECT max(offset + size) FROM body WHERE segment = ?1") \
	X(SEGMENT_GET, 0, "SELECT state, live_bytes, size FROM segment WHERE id = ?1") \
	X(SEGMENT_SPARSE, SCANS, \
	  "SELECT id FROM segment WHERE state = 'closed' AND live_bytes > 0" \
	  " AND live_bytes * 4 < size LIMIT 1") \
	X(SEGMENT_EMPTY, SCANS, \
	  "SELECT id FROM segment WHERE state = 'open' AND live_bytes <= 0" \
	  " AND size > 1048576 LIMIT 1") \
	X(SEGMENT_ALL, SCANS, "SELECT id, state, live_bytes, size FROM segment ORDER BY id") \
	X(SEGMENT_BYTES, SCANS, "SELECT total(size) FROM segment") \
	X(FILE_BYTES, SCANS, "SELECT total(size) FROM body WHERE file IS NOT NULL") \
	/* proofs, start-up and checks */ \
	X(LAST_JOURNAL, 0, "SELECT max(mid) FROM journal") \
	X(LAST_MESSAGE, 0, "SELECT max(mid) FROM message") \
	X(LAST_BODY, 0, "SELECT max(id) FROM body") \
	X(POLICY_FIND, 0, "SELECT id FROM policy WHERE name = ?1") \
	X(POLICY_SET, 0, "UPDATE policy SET waiting = ?2 WHERE id = ?1") \
	X(STRAYS, 0, \
	  "SELECT mid FROM journal WHERE policy = ?1 AND state IN ('waiting', 'uncertain')" \
	  " LIMIT ?2") \
	X(LAST_POLICY, SCANS, "SELECT max(policy) FROM journal WHERE policy < ?1") \
	X(POLICY_ALL, SCANS, "SELECT id, name, waiting FROM policy ORDER BY id") \
	X(ACCOUNT_ALL, SCANS, "SELECT term, n FROM account") \
	X(DESTINATION_ALL, SCANS, \
	  "SELECT d.name, p.text FROM destination AS d LEFT JOIN profile AS p" \
	  " ON p.id = d.profile") \
	X(COUNT_STATES, SCANS, "SELECT state, count(*) FROM journal GROUP BY state") \
	X(COUNT_POLICIES, SCANS, \
	  "SELECT policy, count(*) FROM journal WHERE state IN ('waiting', 'uncertain')" \
	  " GROUP BY policy") \
	X(COUNT_SEGMENTS, SCANS, \
	  "SELECT s.id, s.live_bytes, (SELECT total(b.size) FROM body AS b" \
	  " WHERE b.segment = s.id) FROM segment AS s ORDER BY s.id") \
	X(COUNT_REFS, SCANS, \
	  "SELECT b.id, b.refs, count(m.mid) FROM body AS b LEFT JOIN message AS m" \
	  " ON m.body = b.id GROUP BY b.id HAVING b.refs <> count(m.mid)") \
	X(LONE_MESSAGES, SCANS, \
	  "SELECT mid FROM message WHERE NOT EXISTS" \
	  " (SELECT 1 FROM journal WHERE journal.message = message.mid)") \
	X(BODY_WALK, 0, \
	  "SELECT id, sha256, checksum, size, place, segment, offset, file FROM body WHERE id > ?1" \
	  " ORDER BY id LIMIT 1")

/* clang-format on */

enum statement {
#define X(id, flags, sql) STATEMENT_##id,
	STATEMENTS(X)
#undef X
		STATEMENT_COUNT
};

const char *statement_sql(enum statement s);
const char *statement_name(enum statement s);
bool statement_scans(enum statement s);

#endif
