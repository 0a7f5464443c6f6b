-- The spool: body, message and journal apart; the account in the same file.
-- docs/spool.md explains every column. src/store/schema.c has the same text,
-- and a test compares them. Words are compared with OR: SQLite makes a table in memory
-- of an IN list of three, anew for each row.
CREATE TABLE meta (
	key TEXT PRIMARY KEY,
	value ANY
) STRICT, WITHOUT ROWID;

CREATE TABLE account (
	term TEXT PRIMARY KEY,
	n INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE policy (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE,
	waiting INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE profile (
	id INTEGER PRIMARY KEY,
	text TEXT NOT NULL UNIQUE
) STRICT;

CREATE TABLE destination (
	name TEXT PRIMARY KEY,
	profile INTEGER NOT NULL REFERENCES profile
) STRICT, WITHOUT ROWID;

CREATE TABLE unclean (
	destination TEXT NOT NULL,
	upto INTEGER NOT NULL,
	profile INTEGER NOT NULL REFERENCES profile,
	PRIMARY KEY (destination, upto)
) STRICT, WITHOUT ROWID;

CREATE TABLE segment (
	id INTEGER PRIMARY KEY,
	state TEXT NOT NULL CHECK (
		state = 'open' OR state = 'closed' OR state = 'kept'),
	live_bytes INTEGER NOT NULL,
	size INTEGER NOT NULL
) STRICT;

CREATE TABLE body (
	id INTEGER PRIMARY KEY,
	sha256 BLOB NOT NULL CHECK (length(sha256) = 32),
	checksum BLOB NOT NULL CHECK (length(checksum) = 16),
	size INTEGER NOT NULL CHECK (size >= 0),
	facts INTEGER NOT NULL,
	header_size INTEGER NOT NULL,
	longest_line INTEGER NOT NULL,
	refs INTEGER NOT NULL,
	kept_until INTEGER,
	place TEXT NOT NULL CHECK (
		place = 'inline' OR place = 'segment' OR place = 'file'),
	segment INTEGER REFERENCES segment,
	offset INTEGER,
	file BLOB,
	data BLOB,
	CHECK ((place = 'inline') = (data IS NOT NULL)),
	CHECK ((place = 'segment') =
		(segment IS NOT NULL AND offset IS NOT NULL)),
	CHECK ((place = 'file') = (file IS NOT NULL AND length(file) = 16))
) STRICT;
CREATE INDEX body_segment ON body(segment) WHERE segment IS NOT NULL;
CREATE INDEX body_file ON body(file, size) WHERE file IS NOT NULL;

CREATE TABLE message (
	mid INTEGER PRIMARY KEY,
	body INTEGER NOT NULL REFERENCES body,
	source TEXT NOT NULL CHECK (
		source = 'smtp' OR source = 'lmtp' OR source = 'milter' OR
		source = 'replay' OR source = 'forward'),
	accepted_at INTEGER NOT NULL,
	sender TEXT NOT NULL,
	recipients TEXT NOT NULL,
	envid TEXT,
	ret TEXT CHECK (ret IN ('hdrs', 'full')),
	icid INTEGER NOT NULL,
	listener TEXT,
	client_address TEXT,
	client_name TEXT,
	helo TEXT,
	protocol TEXT,
	queue_id TEXT,
	forward_source TEXT,
	subject TEXT,
	message_id TEXT,
	header_from TEXT,
	flags INTEGER NOT NULL
) STRICT;

CREATE TABLE journal (
	mid INTEGER PRIMARY KEY,
	uid BLOB NOT NULL CHECK (length(uid) = 16),
	message INTEGER NOT NULL REFERENCES message,
	kind TEXT NOT NULL CHECK (
		kind = 'journal' OR kind = 'replay' OR kind = 'forward'),
	policy INTEGER NOT NULL REFERENCES policy,
	state TEXT NOT NULL CHECK (
		state = 'waiting' OR state = 'uncertain' OR state = 'held' OR
		state = 'delivered' OR state = 'dead' OR state = 'quarantined'),
	attempts INTEGER NOT NULL DEFAULT 0,
	created_at INTEGER NOT NULL,
	next_at INTEGER NOT NULL DEFAULT 0,
	ended_at INTEGER,
	profile INTEGER REFERENCES profile,
	last_reply TEXT,
	tls TEXT,
	destination TEXT,
	reason TEXT,
	rids TEXT,
	released INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX journal_due ON journal(policy, next_at)
	WHERE state IN ('waiting', 'uncertain');
CREATE INDEX journal_message ON journal(message);
CREATE INDEX journal_state ON journal(state)
	WHERE state = 'held' OR state = 'dead' OR state = 'quarantined';
CREATE INDEX journal_ended ON journal(ended_at)
	WHERE state = 'delivered';
