/*
 * schema.c - every key of the configuration: one row, one place.
 *
 * To add a key: add its row here, below its section; run the unit test config_generated
 * with TDC_REGENERATE=1; read the key with config_int() and its sisters where it is used.
 */
#include "schema.h"

#include "value.h"

#define ONLY_MACHINE .levels = LEVEL_MACHINE
#define REQUIRED     .is_required = true
#define FIXED        .is_fixed = true
#define COUNT_MAX    1000000
#define TIMEOUT      .min = 100, .max = HOURS(24)

/* clang-format off */
const struct schema_row schema[] = {
{ "", TYPE_MAP, .doc = "" },
{ "version", TYPE_INT, .fallback = "1", .min = 1, .max = 1,
	.doc = "The version of this file's form." },
{ "hostname", TYPE_TEXT, .form = &form_hostname, ONLY_MACHINE, .example = "tdc.example.com",
	.doc = "The name of this machine in banners, EHLO and Received fields. "
	       "When not set, the name that the system gives." },
{ "queue_domain", TYPE_TEXT, .fallback = "the.tdc.queue", .form = &form_hostname,
	.doc = "The domain of copy addresses: a recipient user=domain@ this domain stands for "
	       "user@domain." },
{ "user", TYPE_TEXT, .form = &form_name, ONLY_MACHINE, FIXED, .example = "tdcd",
	.doc = "The user to become after the listeners are bound, when started as root." },
{ "group", TYPE_TEXT, .form = &form_name, ONLY_MACHINE, FIXED, .example = "tdcd",
	.doc = "The group to become; when not set, the user's own." },

{ "listeners", TYPE_LIST, .min = 1, .max = 256, REQUIRED, ONLY_MACHINE,
	.doc = "Where mail servers hand in their copies." },
{ "listeners[]", TYPE_MAP, .doc = "" },
{ "listeners[].name", TYPE_TEXT, .form = &form_name, REQUIRED, FIXED, .example = "feed",
	.doc = "Its name in logs and commands; unique." },
{ "listeners[].protocol", TYPE_WORD, .words = "smtp lmtp", REQUIRED, FIXED, .example = "smtp",
	.doc = "SMTP, or LMTP with one reply per recipient." },
{ "listeners[].address", TYPE_TEXT, .form = &form_listen_address, REQUIRED, FIXED,
	.example = "127.0.0.1:10025",
	.doc = "The address to bind: IPv4 or IPv6 with a port, or a unix socket." },
{ "listeners[].mode", TYPE_TEXT, .fallback = "0660", .form = &form_mode, FIXED,
	.doc = "The permissions of a unix socket." },
{ "listeners[].trusted_networks", TYPE_LIST, .fallback = "127.0.0.0/8 ::1/128 unix", .max = 1024,
	.doc = "The clients that may hand in mail and speak for others by XFORWARD. Any other "
	       "client is refused at the greeting. The word unix stands for all unix sockets." },
{ "listeners[].trusted_networks[]", TYPE_TEXT, .form = &form_network, .doc = "" },
{ "listeners[].tls", TYPE_WORD, .words = "off optional required", .fallback = "off",
	.doc = "Whether STARTTLS is offered, and whether mail is taken without it." },
{ "listeners[].certificate_file", TYPE_TEXT, .form = &form_path,
	.doc = "The certificate chain, PEM. Needed unless tls is off." },
{ "listeners[].key_file", TYPE_TEXT, .form = &form_path,
	.doc = "The private key of the certificate, PEM. Needed unless tls is off." },
{ "listeners[].direction", TYPE_WORD, .words = "incoming auto", .fallback = "incoming",
	.doc = "Which mail is incoming, which alone is journaled: all that comes here, or what "
	       "XFORWARD SOURCE and incoming_domains say. To Postfix mail is LOCAL, and so not incoming, "
	       "when its client is in local_header_rewrite_clients: by default the machine itself, a "
	       "content filter on it included." },
{ "listeners[].bare_line_ends", TYPE_WORD, .words = "keep refuse", .fallback = "keep",
	.doc = "What becomes of mail in whose data a CR or LF stands alone: kept as data and "
	       "marked, or refused with 550 5.6.11. It never ends a line or a message." },
{ "listeners[].max_connections", TYPE_INT, .fallback = "500", .min = 1, .max = 65535,
	.doc = "Connections at a time; more are answered 421." },
{ "listeners[].max_connections_per_client", TYPE_INT, .fallback = "200", .min = 1, .max = 65535,
	.doc = "Connections at a time from one client address." },
{ "listeners[].max_messages_per_connection", TYPE_INT, .fallback = "10000", .min = 1,
	.max = COUNT_MAX, .doc = "Messages of one connection; then 421." },
{ "listeners[].max_recipients", TYPE_INT, .fallback = "10000", .min = 1, .max = 100000,
	.doc = "Recipients of one message; more are answered 452." },
{ "listeners[].max_errors", TYPE_INT, .fallback = "20", .min = 1, .max = COUNT_MAX,
	.doc = "Errors of one session; then 421." },
{ "listeners[].max_received", TYPE_INT, .fallback = "100", .min = 1, .max = 10000,
	.doc = "A message with more Received fields is journaled like any other, and a warning is "
	       "logged: a mail loop may have made them, or the sender." },
{ "listeners[].max_command_line", TYPE_SIZE, .fallback = "8K", .min = 512, .max = SIZE_K(64),
	.doc = "The longest command line; a longer one is answered 500." },
{ "listeners[].max_message_size", TYPE_SIZE, .fallback = "256M", .min = SIZE_K(1),
	.max = SIZE_G(2), .doc = "The largest message. A larger one is answered 552, the only "
	"refusal for content: keep it above the limit of the mail server that feeds." },
{ "listeners[].max_header_size", TYPE_SIZE, .fallback = "1M", .min = SIZE_K(1),
	.max = SIZE_M(64), .fallback_max = "max_message_size",
	.doc = "How much of a header is read; the fields beyond are carried, not looked at. At most "
	       "max_message_size; when not set, the smaller of it and 1M." },
{ "listeners[].idle_timeout", TYPE_DURATION, .fallback = "5m", TIMEOUT,
	.doc = "The longest wait for a command." },
{ "listeners[].command_timeout", TYPE_DURATION, .fallback = "5m", TIMEOUT,
	.doc = "The longest time that one command line may take to arrive." },
{ "listeners[].data_timeout", TYPE_DURATION, .fallback = "10m", TIMEOUT,
	.doc = "The longest pause within a message's data." },

{ "limits", TYPE_MAP, .doc = "Limits over all listeners." },
{ "limits.max_connections", TYPE_INT, .fallback = "1000", .min = 1, .max = 65535,
	.doc = "Connections at a time over all listeners." },
{ "limits.envelope_memory", TYPE_SIZE, .fallback = "16M", .min = SIZE_K(64), .max = SIZE_G(4),
	.doc = "Memory for the recipients of all messages that are being received. When it is taken, "
	       "a message's further recipients are answered 452 4.3.1; its first one never is." },
{ "limits.stop_grace", TYPE_DURATION, .fallback = "10s", .min = 1, .max = MINUTES(10),
	.doc = "At a stop, the time that running transactions and final replies get." },

{ "spool", TYPE_MAP, ONLY_MACHINE, .doc = "Where accepted mail is kept." },
{ "spool.directory", TYPE_TEXT, .fallback = "/var/lib/tdcd", .form = &form_path, FIXED,
	.doc = "Its directory, on a local file system; created when missing." },
{ "spool.name", TYPE_TEXT, .fallback = "spool", .form = &form_name, FIXED,
	.doc = "The name of the database: NAME.tdc.queue." },
{ "spool.inline_max", TYPE_SIZE, .fallback = "8K", .min = 1, .max = SIZE_M(1),
	.doc = "Messages up to this size live in the database itself." },
{ "spool.segment_max", TYPE_SIZE, .fallback = "256K", .min = 1, .max = SIZE_M(64),
	.doc = "Messages up to this size share segment files; larger ones have a file each." },
{ "spool.segment_size", TYPE_SIZE, .fallback = "64M", .min = SIZE_K(64), .max = SIZE_G(1),
	.doc = "A segment file is closed beyond this size." },
{ "spool.hot_max", TYPE_SIZE, .fallback = "8M", .min = 1, .max = SIZE_G(4),
	.doc = "Memory for accepted messages on their way to delivery, which saves reading them "
	       "back." },
{ "spool.in_flight_max", TYPE_SIZE, .fallback = "12M", .min = SIZE_K(64), .max = SIZE_G(4),
	.doc = "Memory for messages that are being received, all together." },
{ "spool.reserve", TYPE_SIZE, .fallback = "64M", .min = 1, .max = SIZE_G(1024),
	.doc = "Free space below which new mail is answered 452 4.3.1, until there is room again." },
{ "spool.retention", TYPE_DURATION, .fallback = "0s", .min = 0, .max = DAYS(365),
	.doc = "How long delivered messages are kept." },
{ "spool.wal_max", TYPE_SIZE, .fallback = "64M", .min = SIZE_K(256), .max = SIZE_G(4),
	.doc = "The hard limit of the write-ahead log's size." },
{ "spool.body_workers", TYPE_INT, .fallback = "2", .min = 1, .max = 16, FIXED,
	.doc = "Threads that write and read large messages." },

{ "connector", TYPE_MAP, .doc = "The Threat Defense Connector: what is sent to the scanner." },
{ "connector.enabled", TYPE_BOOL, .fallback = "false",
	.doc = "Whether copies are journaled at all. When not, mail is taken, counted as dropped by "
	       "policy and not kept, which every start, check and reload warns of; what is already "
	       "queued is still delivered." },
{ "connector.message_intake_address", TYPE_TEXT, .form = &form_mail_address,
	.example = "tenant@bcc-in.example.com",
	.doc = "The global message intake address: where the scanner takes its journals." },
{ "connector.format", TYPE_WORD, .words = "journal exchange bcc", .fallback = "journal",
	.doc = "The form of a journal: the report and the original as an attachment; the same with "
	       "the field X-MS-Journal-Report; or the original itself with X-CSE fields in front." },
{ "connector.mail_from", TYPE_TEXT, .fallback = "", .form = &form_sender_address,
	.doc = "The envelope sender of journals; empty is the null sender." },
{ "connector.header_from", TYPE_TEXT, .form = &form_mail_address, .example = "tdcd@example.com",
	.doc = "The address in the From field of journals. When not set, postmaster at hostname." },
{ "connector.client_ip_field", TYPE_TEXT, .fallback = "X-IronPort-RemoteIP",
	.form = &form_field_name,
	.doc = "The header field that tells the scanner the true sender's address." },
{ "connector.cse_fields", TYPE_BOOL, .fallback = "true",
	.doc = "Whether the X-CSE fields (client, sender, recipients, direction) are written." },
{ "connector.foreign_journals", TYPE_WORD, .words = "journal drop", .fallback = "journal",
	.doc = "What becomes of incoming mail with the field X-MS-Journal-Report, the journals of "
	       "others: journaled like any other mail, or dropped as a loop. Any sender can write that "
	       "field, and would not be scanned then: drop only where the feeder takes it away from mail "
	       "of strangers." },
{ "connector.eight_bit", TYPE_WORD, .words = "attach hold", .fallback = "attach",
	.doc = "When the original has 8-bit bytes and the next hop does not offer 8BITMIME: "
	       "attached byte for byte in base64, or held for the operator. Here and in the next three, "
	       "what was held and released goes as by default." },
{ "connector.utf8_header", TYPE_WORD, .words = "pass attach hold", .fallback = "pass",
	.doc = "When header fields hold UTF-8 and the next hop does not offer SMTPUTF8." },
{ "connector.long_lines", TYPE_WORD, .words = "pass attach hold", .fallback = "pass",
	.doc = "When lines are longer than 998 octets and the next hop does not offer BINARYMIME." },
{ "connector.bare_line_ends", TYPE_WORD, .words = "attach hold", .fallback = "attach",
	.doc = "When a CR or LF stands alone, or there is a NUL, and the next hop does not offer "
	       "CHUNKING and BINARYMIME. Such bytes never go through DATA." },

{ "incoming_domains", TYPE_LIST, .fallback = "", .max = 100000,
	.doc = "The domains that mail comes in for, and .domain for all domains below. It is for "
	       "listeners whose direction is auto: mail for recipients elsewhere is counted as dropped "
	       "by direction there, and so is mail from these domains when no XFORWARD SOURCE says that "
	       "its client was a stranger, who may write any sender. Recipients that were read from the "
	       "header are not asked for their domain. Without it, all mail is incoming that XFORWARD "
	       "SOURCE does not call LOCAL." },
{ "incoming_domains[]", TYPE_TEXT, .form = &form_domain_pattern, .doc = "" },

{ "incoming_mail_policies", TYPE_MAP, .doc = "Which incoming mail is journaled, and to which "
	"intake. Policies are tried in their order, for each recipient until the first match. A "
	"policy whose sender pattern matches takes all remaining recipients. What none takes goes "
	"to the default policy." },
{ "incoming_mail_policies.default", TYPE_MAP, .doc = "The policy DEFAULT." },
{ "incoming_mail_policies.default.intake", TYPE_WORD, .words = "global custom no",
	.fallback = "no",
	.doc = "The global intake, a custom one, or none: then mail is not journaled." },
{ "incoming_mail_policies.default.message_intake_address", TYPE_TEXT, .form = &form_mail_address,
	.doc = "The custom intake. It must have the domain of the global one." },
{ "incoming_mail_policies.policies", TYPE_LIST, .max = 10000,
	.doc = "The policies before DEFAULT." },
{ "incoming_mail_policies.policies[]", TYPE_MAP, .doc = "" },
{ "incoming_mail_policies.policies[].name", TYPE_TEXT, .form = &form_title, REQUIRED,
	.example = "executives",
	.doc = "Its name; unique, and not DEFAULT. Queued journals refer to it." },
{ "incoming_mail_policies.policies[].enabled", TYPE_BOOL, .fallback = "true",
	.doc = "A policy that is not enabled never matches." },
{ "incoming_mail_policies.policies[].sender", TYPE_LIST, .fallback = "", .max = 10000,
	.example = ".partner.example",
	.doc = "Patterns of envelope senders: user@domain, user@ at any domain, @domain or domain, "
	       ".domain for all domains below it, and <> for the null sender. Upper and lower case are "
	       "the same." },
{ "incoming_mail_policies.policies[].sender[]", TYPE_TEXT, .form = &form_sender_pattern,
	.doc = "" },
{ "incoming_mail_policies.policies[].not_sender", TYPE_LIST, .fallback = "", .max = 10000,
	.example = "newsletter@partner.example",
	.doc = "Senders that sender does not mean. Without sender, all others are meant." },
{ "incoming_mail_policies.policies[].not_sender[]", TYPE_TEXT, .form = &form_sender_pattern,
	.doc = "" },
{ "incoming_mail_policies.policies[].recipient", TYPE_LIST, .fallback = "", .max = 10000,
	.example = "ceo@example.com",
	.doc = "Patterns of envelope recipients, of the same form." },
{ "incoming_mail_policies.policies[].recipient[]", TYPE_TEXT, .form = &form_address_pattern,
	.doc = "" },
{ "incoming_mail_policies.policies[].not_recipient", TYPE_LIST, .fallback = "", .max = 10000,
	.example = "archive@example.com",
	.doc = "Recipients that recipient does not mean. Without recipient, all others are meant." },
{ "incoming_mail_policies.policies[].not_recipient[]", TYPE_TEXT, .form = &form_address_pattern,
	.doc = "" },
{ "incoming_mail_policies.policies[].client", TYPE_LIST, .fallback = "", .max = 1000,
	.example = "192.0.2.0/24",
	.doc = "Networks, one of which the client must be in, as XFORWARD or the newest Received field "
	       "tells it. From here on, what is set must hold for the policy to take anybody; a policy "
	       "without sender and recipient takes all recipients then." },
{ "incoming_mail_policies.policies[].client[]", TYPE_TEXT, .form = &form_network, .doc = "" },
{ "incoming_mail_policies.policies[].not_client", TYPE_LIST, .fallback = "", .max = 1000,
	.example = "198.51.100.7",
	.doc = "Networks that the client must not be in." },
{ "incoming_mail_policies.policies[].not_client[]", TYPE_TEXT, .form = &form_network, .doc = "" },
{ "incoming_mail_policies.policies[].header", TYPE_LIST, .fallback = "", .max = 100,
	.example = "List-Id",
	.doc = "Names of header fields, one of which must be present. The first 8 KiB of a header's "
	       "names are looked at." },
{ "incoming_mail_policies.policies[].header[]", TYPE_TEXT, .form = &form_field_name, .doc = "" },
{ "incoming_mail_policies.policies[].not_header", TYPE_LIST, .fallback = "", .max = 100,
	.example = "X-Scanned-Elsewhere",
	.doc = "Names of header fields, none of which may be present. It does not hold where there are "
	       "names that are not looked at. A sender can write any field." },
{ "incoming_mail_policies.policies[].not_header[]", TYPE_TEXT, .form = &form_field_name, .doc = "" },
{ "incoming_mail_policies.policies[].larger_than", TYPE_SIZE, .fallback = "0", .max = SIZE_G(1024),
	.example = "10M", .doc = "The size that the message must exceed; 0 says nothing." },
{ "incoming_mail_policies.policies[].smaller_than", TYPE_SIZE, .fallback = "0", .max = SIZE_G(1024),
	.example = "25M", .doc = "The size that it must stay below; 0 says nothing." },
{ "incoming_mail_policies.policies[].intake", TYPE_WORD, .words = "default custom no",
	.fallback = "default", .doc = "What the default policy says, a custom intake, or none." },
{ "incoming_mail_policies.policies[].message_intake_address", TYPE_TEXT,
	.form = &form_mail_address,
	.doc = "The custom intake. It must have the domain of the global one." },

{ "smtp_routes", TYPE_LIST, .max = 10000,
	.doc = "Which next hops carry mail for a domain. The exact domain wins, then the longest "
	       ".domain, then ALL; without a route, the domain is looked up (USEDNS)." },
{ "smtp_routes[]", TYPE_MAP, .doc = "" },
{ "smtp_routes[].domain", TYPE_TEXT, .form = &form_domain_pattern, REQUIRED,
	.example = "bcc-in.example.com",
	.doc = "A domain, .domain for all domains below it, or ALL." },
{ "smtp_routes[].next_hops", TYPE_LIST, .min = 1, .max = 256, REQUIRED,
	.example = "[intake.example.net]:25 /pri=0",
	.doc = "host:port, [host]:port (no MX look-up) or an address in brackets, each optionally "
	       "followed by a space and /pri=N, 0 being the best of 0 to 65535; equal ones take "
	       "turns. The port is 25 when not given. Alone: USEDNS, or /dev/null, which drops." },
{ "smtp_routes[].next_hops[]", TYPE_TEXT, .doc = "" },

{ "destination_controls", TYPE_LIST, .fallback = "default", .max = 10000,
	.doc = "How a destination is treated. The exact domain wins, then the longest .domain, then "
	       "default. An entry has what it does not set from the entry default." },
{ "destination_controls[]", TYPE_MAP, .doc = "" },
{ "destination_controls[].domain", TYPE_TEXT, .form = &form_domain_pattern, REQUIRED,
	.example = "bcc-in.example.com",
	.doc = "A domain, .domain for all domains below it, or default." },
{ "destination_controls[].concurrency", TYPE_INT, .fallback = "20", .min = 1, .max = 1000,
	.doc = "Connections at a time." },
{ "destination_controls[].messages_per_connection", TYPE_INT, .fallback = "10", .min = 1,
	.max = COUNT_MAX, .doc = "Messages of one connection. The scanner's intake takes ten." },
{ "destination_controls[].tls_mode", TYPE_WORD, .words = "required verify", .fallback = "verify",
	.doc = "Whether the peer's certificate and name are verified. TLS itself is always required." },
{ "destination_controls[].ca_file", TYPE_TEXT, .form = &form_path,
	.doc = "The authorities to trust, PEM; when not set, those of tls.ca_file." },
{ "destination_controls[].tls_name", TYPE_TEXT, .form = &form_hostname,
	.doc = "The name that the certificate must bear, instead of the next hop's." },
{ "destination_controls[].bounce_profile", TYPE_TEXT, .fallback = "default", .form = &form_name,
	.doc = "The name of a bounce profile." },
{ "destination_controls[].connect_timeout", TYPE_DURATION, .fallback = "30s", TIMEOUT,
	.doc = "For the connection." },
{ "destination_controls[].greeting_timeout", TYPE_DURATION, .fallback = "5m", TIMEOUT,
	.doc = "For the greeting." },
{ "destination_controls[].ehlo_timeout", TYPE_DURATION, .fallback = "5m", TIMEOUT,
	.doc = "For the reply to EHLO." },
{ "destination_controls[].starttls_timeout", TYPE_DURATION, .fallback = "2m", TIMEOUT,
	.doc = "For the reply to STARTTLS and the handshake." },
{ "destination_controls[].mail_timeout", TYPE_DURATION, .fallback = "5m", TIMEOUT,
	.doc = "For the reply to MAIL." },
{ "destination_controls[].rcpt_timeout", TYPE_DURATION, .fallback = "5m", TIMEOUT,
	.doc = "For the reply to RCPT." },
{ "destination_controls[].data_timeout", TYPE_DURATION, .fallback = "2m", TIMEOUT,
	.doc = "For the reply to DATA." },
{ "destination_controls[].block_timeout", TYPE_DURATION, .fallback = "3m", TIMEOUT,
	.doc = "For the sending of one block of a message." },
{ "destination_controls[].final_timeout", TYPE_DURATION, .fallback = "10m", TIMEOUT,
	.doc = "For the reply to the end of the message. A shorter one makes duplicates." },
{ "destination_controls[].idle_timeout", TYPE_DURATION, .fallback = "5s", .min = 0,
	.max = MINUTES(10), .doc = "How long an idle connection is kept for the next message." },
{ "destination_controls[].probe_first", TYPE_DURATION, .fallback = "15s", TIMEOUT,
	.doc = "The wait before the first new connection to a destination that failed; it doubles. "
	       "This wait, those that follow and suspended_probe come up to a tenth earlier or "
	       "later, so that not all come at once." },
{ "destination_controls[].probe_longest", TYPE_DURATION, .fallback = "5m", TIMEOUT,
	.doc = "The longest such wait." },
{ "destination_controls[].suspended_probe", TYPE_DURATION, .fallback = "10m", TIMEOUT,
	.doc = "The wait between probes of a destination that refuses us as a whole, or whose name "
	       "does not exist; up to a tenth earlier or later." },
{ "destination_controls[].uncertain_wait", TYPE_DURATION, .fallback = "15m", .min = 100,
	.max = DAYS(1),
	.doc = "The wait before a message whose final reply was lost is sent again." },

{ "bounce_profiles", TYPE_NAMED, .fallback = "default", .max = 1000,
	.doc = "When a delivery that fails for the time being is tried again, and for how long. A "
	       "profile has what it does not set from the profile default." },
{ "bounce_profiles{}", TYPE_MAP, .doc = "" },
{ "bounce_profiles{}.max_retries", TYPE_INT, .fallback = "100", .min = 0, .max = 100000,
	.doc = "The number of retries: of answers to the message's content, or of its broken ends. What "
	       "is refused before the content is the destination's, and no message's retry." },
{ "bounce_profiles{}.max_time_in_queue", TYPE_DURATION, .fallback = "72h", .min = SECONDS(1),
	.max = DAYS(365),
	.doc = "The time in the queue. Whichever limit comes first makes a dead letter, at a refusal "
	       "of the content for the time being: while a destination is down neither limit ends "
	       "anything, and a message whose time ran out meanwhile is tried once more when it is "
	       "back. That a destination is down for longer is a warning, in the log and in the "
	       "health." },
{ "bounce_profiles{}.first_wait", TYPE_DURATION, .fallback = "60s", .min = 100,
	.max = DAYS(7), .doc = "The wait before the first retry; it doubles with each." },
{ "bounce_profiles{}.longest_wait", TYPE_DURATION, .fallback = "1h", .min = 100,
	.max = DAYS(7), .doc = "The longest wait between two retries." },

{ "tls", TYPE_MAP, .doc = "TLS of deliveries; min_version, ciphers and groups also of listeners." },
{ "tls.ca_file", TYPE_TEXT, .form = &form_path,
	.example = "/etc/ssl/certs/ca-certificates.crt",
	.doc = "The authorities to trust, PEM; when not set, those of the system." },
{ "tls.min_version", TYPE_WORD, .words = "1.2 1.3", .fallback = "1.2",
	.doc = "The lowest version of TLS. There is no way below 1.2." },
{ "tls.ciphers", TYPE_TEXT, .doc = "The ciphers of TLS 1.2, in OpenSSL's form." },
{ "tls.groups", TYPE_TEXT, .doc = "The groups of the key exchange, in OpenSSL's form." },
{ "tls.certificate_file", TYPE_TEXT, .form = &form_path,
	.doc = "A certificate to show to next hops that ask for one, PEM." },
{ "tls.key_file", TYPE_TEXT, .form = &form_path, .doc = "Its private key, PEM." },

{ "dns", TYPE_MAP, .doc = "Name resolution." },
{ "dns.resolv_conf", TYPE_TEXT, .fallback = "/etc/resolv.conf", .form = &form_path,
	.doc = "Where the name servers are named." },
{ "dns.hosts", TYPE_TEXT, .fallback = "/etc/hosts", .form = &form_path,
	.doc = "Names that are known without a name server." },
{ "dns.timeout", TYPE_DURATION, .fallback = "30s", .min = SECONDS(1), .max = MINUTES(10),
	.doc = "The longest wait for an answer." },

{ "admin", TYPE_MAP, ONLY_MACHINE, .doc = "The control socket, which tdcctl(8) uses." },
{ "admin.socket", TYPE_TEXT, .fallback = "/run/tdcd/tdcd.sock", .form = &form_socket_path, FIXED,
	.doc = "Its path." },
{ "admin.mode", TYPE_TEXT, .fallback = "0660", .form = &form_mode, FIXED,
	.doc = "Its permissions." },

{ "log", TYPE_MAP, .doc = "The mail log." },
{ "log.target", TYPE_WORD, .words = "stderr file syslog journald", .fallback = "stderr",
	.doc = "Where it goes. A file is opened again at SIGUSR1." },
{ "log.form", TYPE_WORD, .words = "text json", .fallback = "text",
	.doc = "Lines to be read, or one JSON object per line." },
{ "log.level", TYPE_WORD, .words = "debug info warning error", .fallback = "info",
	.doc = "The least level that is written." },
{ "log.path", TYPE_TEXT, .form = &form_path, ONLY_MACHINE, .example = "/var/log/tdcd.log",
	.doc = "The file, where target is file." },

{ "deliver", TYPE_MAP, .doc = "Limits of delivery over all destinations." },
{ "deliver.window", TYPE_INT, .fallback = "4000", .min = 1, .max = 100000,
	.doc = "Due journals in memory, for each policy; the others wait in the spool." },
{ "deliver.window_memory", TYPE_SIZE, .fallback = "6M", .min = SIZE_K(64), .max = SIZE_G(1),
	.doc = "Memory for the due journals of all policies, the bytes of the messages not "
	       "counted. When it is taken, eight journals of a policy find room all the "
	       "same." },
{ "deliver.max_connections", TYPE_INT, .fallback = "500", .min = 1, .max = 65535,
	.doc = "Outgoing connections at a time." },
};
/* clang-format on */

const size_t schema_count = sizeof(schema) / sizeof(schema[0]);
