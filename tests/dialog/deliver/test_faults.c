/*
 * test_faults.c - each thing that can go wrong on the way to an intake, and its
 * documented outcome.
 *
 * A row: what the peer does, then what became of the journal (the line that the spool was
 * given; none: the row was not touched) and of the destination. Nothing but EHLO and
 * STARTTLS may have come in the clear.
 */
#include "world.h"

struct row {
	const char *name;
	void (*arrange)(struct world *w, struct peer_script *s);
	int64_t pass_ms;     /* then this time passes                             */
	const char *outcome; /* what the spool was given; "" = nothing            */
	enum destination_state state;
	const char *error; /* part of the destination's last error              */
};

#define SET(name, body)                                                                  \
	static void name(struct world *w, struct peer_script *s)                         \
	{                                                                                \
		(void)w;                                                                 \
		(void)s;                                                                 \
		body;                                                                    \
	}
#define CHUNKING_EHLO                                                                    \
	"250-peer.example\r\n250-PIPELINING\r\n250-CHUNKING\r\n250-"                     \
	"ENHANCEDSTATUSCODES\r\n"                                                        \
	"250 8BITMIME\r\n"
SET(nothing, )
SET(greeting_4xx, s->greeting = "450 4.3.2 busy\r\n")
SET(greeting_421, s->greeting = "421 4.3.2 closing\r\n")
SET(greeting_5xx, s->greeting = "554 5.3.2 go away\r\n")
SET(greeting_garbage, s->greeting = "hello\r\n")
SET(greeting_bare_lf, s->greeting = "220 hello\n")
SET(greeting_none, s->greeting = NULL)
SET(greeting_close, s->greeting = CLOSE)
SET(ehlo_5xx, s->ehlo = "502 5.5.1 no\r\n")
SET(ehlo_4xx, s->ehlo = "451 4.5.0 later\r\n")
SET(ehlo_none, s->ehlo = NULL)
SET(ehlo_twice, s->ehlo = "250-peer\r\n250 STARTTLS\r\n220 2.0.0 ready\r\n")
SET(no_starttls, s->ehlo = "250-peer.example\r\n250 PIPELINING\r\n")
SET(starttls_4xx, s->starttls = "454 4.7.0 not now\r\n")
SET(starttls_5xx, s->starttls = "554 5.7.0 no\r\n")
SET(starttls_none, s->starttls = NULL)
SET(no_handshake, s->never_shakes_hands = true)
SET(injection, s->injected = "250 hello\r\n")
SET(injection_of_a_byte, s->injected = "2")
SET(unknown_ca, static char path[128]; world_path(path, "other.pem");
    w->tls.ca_file = path)
SET(wrong_name, w->policies.controls.tls_name = "another.example")
SET(ehlo_tls_5xx, s->ehlo_tls = "502 5.5.1 no\r\n")
SET(mail_4xx, s->mail = "451 4.7.1 greylisted\r\n")
SET(mail_5xx, s->mail = "550 5.7.1 denied\r\n")
SET(mail_421, s->mail = "421 4.7.0 closing\r\n")
SET(mail_552, s->mail = "552 5.3.4 too big\r\n")
SET(mail_552_no_size, mail_552(w, s); s->ehlo_tls = "250-peer\r\n250 PIPELINING\r\n")
SET(mail_552_no_code, mail_552_no_size(w, s); s->mail = "552 storage exceeded\r\n")
SET(mail_none, s->mail = NULL)
SET(envelope_none, s->mail = s->rcpt = s->data = NULL)
SET(mail_354, s->mail = "354 what\r\n")
SET(mail_twice, s->mail = "250 2.1.0 ok\r\n250 2.1.0 ok\r\n")
SET(rcpt_4xx, s->rcpt = "450 4.2.1 mailbox busy\r\n")
SET(rcpt_5xx, s->rcpt = "550 5.1.1 unknown\r\n")
SET(rcpt_missing, s->rcpt = NULL)
SET(rcpt_none, s->ehlo_tls = "250 peer\r\n"; s->rcpt = NULL)
SET(rcpt_close, s->rcpt = CLOSE)
SET(data_4xx, s->data = "451 4.3.0 later\r\n")
SET(data_5xx, s->data = "554 5.6.0 no\r\n")
SET(data_502, s->data = "502 5.5.1 no\r\n")
SET(data_none, s->data = NULL)
SET(data_421, s->data = "421 4.3.0 closing\r\n")
SET(data_250, s->data = "250 2.0.0 ok\r\n")
SET(data_355, s->data = "355 go\r\n")
SET(content_4xx, s->content[0] = "452 4.3.1 full\r\n")
SET(content_5xx, s->content[0] = "554 5.7.1 spam\r\n")
SET(content_502, s->content[0] = "502 5.5.1 what\r\n")
SET(content_421, s->content[0] = "421 4.3.0 closing\r\n")
SET(content_none, s->content[0] = NULL)
SET(content_garbage, s->content[0] = "ok ok\r\n")
SET(content_354, s->content[0] = "354 go\r\n")
SET(content_codes_differ, s->content[0] = "250-2.0.0 ok\r\n251 2.0.0 ok\r\n")
SET(drop_after_content, s->drop = DROP_AFTER_CONTENT)
/* More than the kernel takes for a peer that does not read. */
enum { LARGE = 16 << 20 };
static void
body_of(struct world *w, size_t n)
{
	char *p = malloc(n);

	assert_non_null(p);
	memset(p, 'x', n);
	spool_body_unref(w->spool.body);
	w->spool.body = fake_body(p, n);
	free(p);
}
SET(large, body_of(w, LARGE))
SET(deaf, large(w, s); s->is_deaf_in_content = true)
SET(large_drop_in_content, large(w, s); s->drop = DROP_IN_CONTENT)
SET(large_early_5xx, deaf(w, s); s->early = "552 5.3.4 too much\r\n")
SET(large_early_4xx, deaf(w, s); s->early = "452 4.3.1 full\r\n")
SET(large_early_421, deaf(w, s); s->early = "421 4.3.2 closing\r\n")
SET(large_early_2xx, deaf(w, s); s->early = "250 2.0.0 taken\r\n")
SET(bdat, s->ehlo_tls = CHUNKING_EHLO)
SET(bdat_4xx, bdat(w, s); s->content[0] = "451 4.3.0 later\r\n")
SET(bdat_5xx, bdat(w, s); s->content[0] = "554 5.6.0 no\r\n")
SET(bdat_502, bdat(w, s); s->content[0] = "502 5.5.1 not implemented\r\n")
SET(bdat_503, bdat(w, s); s->content[0] = "503 bad sequence\r\n")
SET(bdat_421, bdat(w, s); s->content[0] = "250 2.0.0 taken\r\n421 4.3.2 bye\r\n" CLOSE)
SET(bdat_421_lines, bdat(w, s);
    s->content[0] = "250 2.0.0 taken\r\n421-4.3.2 bye\r\n421 4.3.2 now\r\n" CLOSE)
SET(bdat_421_part, bdat(w, s); s->content[0] = "250 2.0.0 taken\r\n421 4.3" CLOSE)
SET(bdat_421_more, bdat(w, s);
    s->content[0] = "250 2.0.0 taken\r\n421 4.3.2 bye\r\n250 2.0.0 ok\r\n")
SET(bdat_421_not, bdat(w, s); s->content[0] = "250 2.0.0 taken\r\n554 5.6.0 no\r\n")
SET(bdat_421_moved, bdat(w, s); s->content[0] = "250 2.1.5 ok\r\n421 4.3.2 bye\r\n" CLOSE)
SET(bdat_drop, bdat(w, s); s->drop = DROP_AFTER_CONTENT)
SET(bdat_mail_5xx, bdat(w, s); s->mail = "550 5.7.1 denied\r\n")
SET(bdat_rcpt_5xx, bdat(w, s); s->rcpt = "550 5.1.1 unknown\r\n";
    s->content[0] = "554 5.5.1 none\r\n")
SET(bdat_moved, bdat(w, s); s->mail = "250 2.1.0 ok\r\n250 2.1.0 ok\r\n";
    s->content[0] = NULL)
SET(bdat_moved_plain, bdat(w, s); s->rcpt = "250 2.1.5 ok\r\n250 ok\r\n";
    s->content[0] = NULL)
SET(bdat_twice_no_codes, s->ehlo_tls = "250-peer\r\n250-PIPELINING\r\n250 CHUNKING\r\n";
    s->rcpt_late = "250 ok\r\n"; s->content[0] = NULL)
SET(bdat_twice_large, body_of(w, 100 * 1024); bdat(w, s);
    s->rcpt_late = "250 2.1.5 ok\r\n"; s->content[0] = NULL)
SET(bdat_twice_must, bdat_twice_no_codes(w, s); w->content.must_use_bdat = true;
    s->ehlo_tls = "250-peer\r\n250-CHUNKING\r\n250 ENHANCEDSTATUSCODES\r\n")
SET(data_early, s->data = "354 go\r\n250 2.0.0 taken\r\n"; s->content[0] = NULL)
SET(bdat_general_codes, bdat(w, s); s->rcpt = "250 2.0.0 ok\r\n")
/* The reply to BDAT comes when QUIT is there already. */
SET(bdat_general_codes_twice, bdat_general_codes(w, s); s->rcpt_late = s->rcpt;
    s->content[0] = NULL; s->quit = "554 5.6.0 no\r\n221 2.0.0 bye\r\n")
SET(binary, w->content.must_use_bdat = true; w->content.body = SMTP_BODY_BINARYMIME;
    s->ehlo_tls = "250-peer\r\n250-PIPELINING\r\n250-CHUNKING\r\n250 BINARYMIME\r\n";
    s->mail = s->rcpt = "250 ok\r\n"; s->content[0] = "250 taken\r\n")
SET(binary_refused, binary(w, s); s->content[0] = "554 no\r\n")
SET(binary_rcpt_twice, binary(w, s); s->rcpt = "250 ok\r\n250 ok\r\n")
SET(binary_rcpt_half, binary(w, s); s->rcpt = "250 ok\r\n250 o")
SET(binary_rcpt_late, binary(w, s); s->rcpt_late = "250 ok\r\n"; s->content[0] = NULL;
    s->quit = "554 no\r\n221 bye\r\n")
SET(binary_rcpt_late_taken, binary_rcpt_late(w, s); s->quit = "250 taken\r\n221 bye\r\n")
SET(binary_rcpt_three_late, binary_rcpt_late(w, s);
    s->quit = "250 ok\r\n250 ok\r\n554 no\r\n221 bye\r\n")
SET(binary_rcpt_late_together, binary(w, s); s->rcpt_late = "250 ok\r\n";
    s->content[0] = "554 no\r\n")
SET(binary_not_answered, binary_rcpt_late(w, s); s->quit = NULL)
SET(binary_quit_none, binary(w, s); s->quit = NULL)
SET(binary_quit_close, binary(w, s); s->quit = CLOSE)
SET(binary_quit_421, binary(w, s); s->quit = "421 closing\r\n")
SET(binary_large_rcpt_late, body_of(w, 100 * 1024); binary_rcpt_late(w, s))
SET(large_bdat_early_502, deaf(w, s); bdat(w, s); s->early = "502 5.5.1 no\r\n")
SET(binary_502, binary(w, s); s->content[0] = "502 no\r\n")
SET(large_bdat_early_5xx, deaf(w, s); bdat(w, s); s->early = "552 5.3.4 too much\r\n")
SET(too_large_for_size, s->ehlo_tls = "250-peer\r\n250 SIZE 50\r\n")
SET(held, w->content.is_held = true)
SET(attached, w->content.is_base64 = true; w->content.mark = "attach: bare CR")
SET(corrupt_body, w->spool.body->data[3] ^= 1)
SET(corrupt_large_body, large(w, s); w->spool.body->data[LARGE - 1] ^= 1)
SET(short_body, w->spool.body->n--)
SET(long_body, w->spool.body->n++)
SET(body_io_error, w->spool.body->has_io_error = true)
SET(no_addresses, err_set(&w->dns.error, ERR_DNS, 0, "SERVFAIL"))
SET(no_such_host, w->dns.missing = "intake.example")
SET(dev_null, w->policies.hops[0].kind = NEXT_HOP_DEV_NULL)
SET(expired, w->spool.rows[0].created_at -= 259200000)
SET(expired_and_full, expired(w, s); s->content[0] = "452 4.3.1 full\r\n")
SET(many_retries, w->spool.rows[0].attempts = 100; s->content[0] = "452 4.3.1 full\r\n")
SET(smtputf8_missing, w->content.needs_smtputf8 = true)

#define UP         DESTINATION_UP
#define BACKED_OFF DESTINATION_BACKED_OFF
#define SUSPENDED  DESTINATION_SUSPENDED

static const struct row rows[] = {
	{ "nothing goes wrong", nothing, 0, "1 delivered attempts=1 250 2.0.0 taken\n",
	  UP, "" },
	{ "a greeting of 4xx backs off", greeting_4xx, 0, "", BACKED_OFF,
	  "greeting was refused: 450" },
	{ "a greeting of 421 backs off", greeting_421, 0, "", BACKED_OFF,
	  "greeting was refused: 421" },
	{ "a greeting of 5xx suspends", greeting_5xx, 0, "", SUSPENDED,
	  "greeting was refused: 554" },
	{ "a greeting that is none breaks off", greeting_garbage, 0, "", BACKED_OFF,
	  "malformed reply" },
	{ "a greeting ended by a bare LF breaks off", greeting_bare_lf, 0, "", BACKED_OFF,
	  "malformed" },
	{ "no greeting in five minutes backs off", greeting_none, 300001, "", BACKED_OFF,
	  "no reply in time to greeting" },
	{ "a closed connection backs off", greeting_close, 0, "", BACKED_OFF, "closed" },
	{ "EHLO refused with 5xx suspends", ehlo_5xx, 0, "", SUSPENDED,
	  "EHLO was refused: 502" },
	{ "EHLO refused with 4xx backs off", ehlo_4xx, 0, "", BACKED_OFF,
	  "EHLO was refused: 451" },
	{ "no reply to EHLO backs off", ehlo_none, 300001, "", BACKED_OFF,
	  "no reply in time to EHLO" },
	{ "a reply before STARTTLS was sent is not its reply", ehlo_twice, 0, "",
	  BACKED_OFF, "nothing asked for" },
	{ "STARTTLS not offered backs off", no_starttls, 0, "", BACKED_OFF,
	  "STARTTLS is not offered" },
	{ "STARTTLS refused for now backs off", starttls_4xx, 0, "", BACKED_OFF,
	  "STARTTLS was refused" },
	{ "STARTTLS refused for good suspends", starttls_5xx, 0, "", SUSPENDED,
	  "STARTTLS was refused" },
	{ "no reply to STARTTLS backs off", starttls_none, 120001, "", BACKED_OFF,
	  "STARTTLS" },
	{ "a TLS handshake that does not go on backs off", no_handshake, 120001, "",
	  BACKED_OFF, "the TLS handshake took too long" },
	{ "nor is it given less time", no_handshake, 119000, "", UP, "" },
	{ "plaintext behind STARTTLS is an attack", injection, 0, "", BACKED_OFF,
	  "injection" },
	{ "a single byte of plaintext is one, too", injection_of_a_byte, 0, "",
	  BACKED_OFF, "injection" },
	{ "a certificate of an unknown CA backs off", unknown_ca, 0, "", BACKED_OFF, "" },
	{ "a certificate for another name backs off", wrong_name, 0, "", BACKED_OFF,
	  "another.example" },
	{ "EHLO under TLS refused with 5xx suspends", ehlo_tls_5xx, 0, "", SUSPENDED,
	  "EHLO was refused" },
	{ "MAIL refused with 4xx backs off", mail_4xx, 0, "", BACKED_OFF,
	  "MAIL was refused: 451" },
	{ "MAIL refused with 5xx suspends", mail_5xx, 0, "", SUSPENDED,
	  "MAIL was refused: 550" },
	{ "421 to MAIL backs off", mail_421, 0, "", BACKED_OFF, "MAIL was refused: 421" },
	{ "552 to MAIL is about this journal", mail_552, 0,
	  "1 dead attempts=1 reason=too large for the intake 552 5.3.4 too big\n", UP,
	  "" },
	{ "but not where SIZE was not said", mail_552_no_size, 0, "", SUSPENDED,
	  "MAIL was refused: 552" },
	{ "nor is a full mailbox", mail_552_no_code, 0, "", SUSPENDED,
	  "MAIL was refused: 552" },
	{ "a missing reply to MAIL is not RCPT's", mail_none, 0, "", BACKED_OFF,
	  "not a reply to RCPT: 354" },
	{ "no reply to MAIL in five minutes backs off", envelope_none, 300001, "",
	  BACKED_OFF, "no reply in time to MAIL" },
	{ "354 is no reply to MAIL", mail_354, 0, "", BACKED_OFF, "not a reply to MAIL" },
	{ "two replies to MAIL do not become DATA's", mail_twice, 0, "", BACKED_OFF,
	  "not a reply to DATA" },
	{ "RCPT refused with 4xx backs off", rcpt_4xx, 0, "", BACKED_OFF,
	  "RCPT was refused: 450" },
	{ "RCPT refused with 5xx suspends", rcpt_5xx, 0, "", SUSPENDED,
	  "RCPT was refused: 550" },
	{ "a missing reply to RCPT is not DATA's", rcpt_missing, 0, "", BACKED_OFF,
	  "not a reply to RCPT: 354" },
	{ "no reply to RCPT in five minutes backs off", rcpt_none, 300001, "", BACKED_OFF,
	  "no reply in time to RCPT" },
	{ "a connection closed at RCPT backs off", rcpt_close, 0, "", BACKED_OFF,
	  "closed" },
	{ "DATA refused with 4xx backs off", data_4xx, 0, "", BACKED_OFF,
	  "DATA was refused: 451" },
	{ "DATA refused with 5xx suspends", data_5xx, 0, "", SUSPENDED,
	  "DATA was refused: 554" },
	{ "DATA that is not known suspends", data_502, 0, "", SUSPENDED,
	  "DATA was refused: 502" },
	{ "no reply to DATA in two minutes backs off", data_none, 120001, "", BACKED_OFF,
	  "no reply in time to DATA" },
	{ "421 to DATA backs off", data_421, 0, "", BACKED_OFF, "DATA was refused: 421" },
	{ "250 is no reply to DATA", data_250, 0, "", BACKED_OFF, "not a reply to DATA" },
	{ "355 is no reply to DATA", data_355, 0, "", BACKED_OFF, "not a reply to DATA" },
	{ "the content refused with 4xx is soft", content_4xx, 0,
	  "1 soft attempts=1 452 4.3.1 full\n", UP, "" },
	{ "the content refused with 5xx is dead", content_5xx, 0,
	  "1 dead attempts=1 reason=content 554 5.7.1 spam\n", UP, "" },
	{ "after 354 there is no command that 502 could refuse: dead", content_502, 0,
	  "1 dead attempts=1 reason=content 502 5.5.1 what\n", UP, "" },
	{ "421 to the content is soft", content_421, 0,
	  "1 soft attempts=1 421 4.3.0 closing\n", UP, "" },
	{ "no reply to the content in ten minutes is uncertain", content_none, 600001,
	  "1 uncertain attempts=1 no reply in time to end of data\n", BACKED_OFF,
	  "no reply in time" },
	{ "no reply to the content in nine minutes is nothing yet", content_none, 540000,
	  "", UP, "" },
	{ "a malformed reply to the content is uncertain", content_garbage, 0,
	  "1 uncertain attempts=1 a malformed reply to end of data\n", BACKED_OFF,
	  "malformed" },
	{ "354 to the content is uncertain", content_354, 0,
	  "1 uncertain attempts=1 not a reply to end of data: 354 go\n", BACKED_OFF,
	  "354" },
	{ "a reply of two codes is uncertain", content_codes_differ, 0,
	  "1 uncertain attempts=1 a malformed reply to end of data\n", BACKED_OFF,
	  "malformed" },
	{ "a connection lost after the final dot is uncertain", drop_after_content, 0,
	  "1 uncertain attempts=1 the connection was closed instead of a reply to end of "
	  "data\n",
	  BACKED_OFF, "closed" },
	{ "a connection lost in the content touches no row", large_drop_in_content, 0, "",
	  BACKED_OFF, "" },
	{ "5xx in the middle of the content is dead", large_early_5xx, 0,
	  "1 dead attempts=1 reason=content 552 5.3.4 too much\n", UP, "" },
	{ "4xx in the middle of the content is soft", large_early_4xx, 0,
	  "1 soft attempts=1 452 4.3.1 full\n", UP, "" },
	{ "421 in the middle of the content touches no row", large_early_421, 0, "",
	  BACKED_OFF, "broken off: 421" },
	{ "250 in the middle of the content is no delivery", large_early_2xx, 0, "",
	  BACKED_OFF, "not a reply to end of data: 250" },
	{ "a peer that reads no more touches no row", deaf, 180001, "", BACKED_OFF,
	  "no reply in time" },
	{ "BDAT delivers", bdat, 0, "1 delivered attempts=1 250 2.0.0 taken\n", UP, "" },
	{ "BDAT refused with 4xx is soft", bdat_4xx, 0,
	  "1 soft attempts=1 451 4.3.0 later\n", UP, "" },
	{ "BDAT refused with 5xx is dead", bdat_5xx, 0,
	  "1 dead attempts=1 reason=content 554 5.6.0 no\n", UP, "" },
	{ "BDAT that is not known says nothing of the content", bdat_502, 0, "",
	  BACKED_OFF, "BDAT was refused: 502" },
	{ "nor does BDAT that is out of order", bdat_503, 0, "", BACKED_OFF,
	  "BDAT was refused: 503" },
	{ "nor 502 in the middle of it", large_bdat_early_502, 0, "", BACKED_OFF,
	  "BDAT was refused: 502" },
	{ "nor where the content must go by it", binary_502, 0, "", BACKED_OFF,
	  "BDAT was refused: 502" },
	{ "421 right behind the reply to BDAT takes nothing back", bdat_421, 0,
	  "1 delivered attempts=1 250 2.0.0 taken\n", UP, "" },
	{ "nor does one of two lines", bdat_421_lines, 0,
	  "1 delivered attempts=1 250 2.0.0 taken\n", UP, "" },
	{ "a part of 421 is anything", bdat_421_part, 0,
	  "1 uncertain attempts=1 not a reply to BDAT: 250 taken\n", BACKED_OFF,
	  "not a reply to BDAT" },
	{ "421 and more is one reply too many", bdat_421_more, 0,
	  "1 uncertain attempts=1 not a reply to BDAT: 250 taken\n", BACKED_OFF,
	  "not a reply to BDAT" },
	{ "any other second reply may be BDAT's", bdat_421_not, 0,
	  "1 uncertain attempts=1 not a reply to BDAT: 250 taken\n", BACKED_OFF,
	  "not a reply to BDAT" },
	{ "421 behind a second reply to RCPT may be BDAT's", bdat_421_moved, 0,
	  "1 uncertain attempts=1 not a reply to BDAT: 250 ok\n", BACKED_OFF,
	  "not a reply to BDAT" },
	{ "a connection lost after BDAT is uncertain", bdat_drop, 0,
	  "1 uncertain attempts=1 the connection was closed instead of a reply to BDAT\n",
	  BACKED_OFF, "closed" },
	{ "MAIL refused in one flight with BDAT suspends", bdat_mail_5xx, 0, "",
	  SUSPENDED, "MAIL" },
	{ "RCPT refused in one flight with BDAT suspends", bdat_rcpt_5xx, 0, "",
	  SUSPENDED, "RCPT" },
	{ "RCPT's reply moved by one is not BDAT's", bdat_moved, 0,
	  "1 uncertain attempts=1 not a reply to BDAT: 250 ok\n", BACKED_OFF,
	  "not a reply to BDAT" },
	{ "a reply without an enhanced code is not BDAT's in one flight",
	  bdat_moved_plain, 0, "1 uncertain attempts=1 not a reply to BDAT: 250 ok\n",
	  BACKED_OFF, "not a reply to BDAT" },
	{ "without enhanced codes a second reply to RCPT is not the content's",
	  bdat_twice_no_codes, 0, "", BACKED_OFF, "not a reply to DATA: 250" },
	{ "a second reply to RCPT behind a large BDAT is not BDAT's", bdat_twice_large, 0,
	  "1 uncertain attempts=1 not a reply to BDAT: 250 ok\n", BACKED_OFF,
	  "not a reply to BDAT" },
	{ "nor where the content must go by BDAT", bdat_twice_must, 0,
	  "1 uncertain attempts=1 not a reply to BDAT: 250 ok\n", BACKED_OFF,
	  "not a reply to BDAT" },
	{ "a reply behind 354 is not the content's", data_early, 0, "", BACKED_OFF,
	  "before the data was sent" },
	{ "where RCPT's code is as general as BDAT's, QUIT's reply proves the delivery",
	  bdat_general_codes, 0, "1 delivered attempts=1 250 2.0.0 taken\n", UP, "" },
	{ "and a second reply to RCPT is not BDAT's", bdat_general_codes_twice, 0,
	  "1 uncertain attempts=1 not a reply to QUIT: 554 no\n", BACKED_OFF,
	  "not a reply to QUIT" },
	{ "binary content without codes is delivered when QUIT's reply proves it", binary,
	  0, "1 delivered attempts=1 250 taken\n", UP, "" },
	{ "binary content refused is dead", binary_refused, 0,
	  "1 dead attempts=1 reason=content 554 no\n", UP, "" },
	{ "a second reply to RCPT breaks off before binary content", binary_rcpt_twice, 0,
	  "", BACKED_OFF, "nothing asked for: 250 ok" },
	{ "so does a part of one", binary_rcpt_half, 0, "", BACKED_OFF,
	  "nothing asked for" },
	{ "a late one does not make refused binary content a delivery", binary_rcpt_late,
	  0, "1 uncertain attempts=1 not a reply to QUIT: 554 no\n", BACKED_OFF,
	  "not a reply to QUIT" },
	{ "nor is it certain when the content was taken", binary_rcpt_late_taken, 0,
	  "1 uncertain attempts=1 not a reply to QUIT: 250 taken\n", BACKED_OFF,
	  "not a reply to QUIT" },
	{ "however many late ones come", binary_rcpt_three_late, 0,
	  "1 uncertain attempts=1 not a reply to QUIT: 250 ok\n", BACKED_OFF,
	  "not a reply to QUIT" },
	{ "or together with the reply", binary_rcpt_late_together, 0,
	  "1 uncertain attempts=1 not a reply to BDAT: 250 ok\n", BACKED_OFF,
	  "not a reply to BDAT" },
	{ "QUIT's reply is given the time that BDAT's may take", binary_not_answered,
	  590000, "", UP, "" },
	{ "after that a late reply to RCPT was all there is: uncertain",
	  binary_not_answered, 600001,
	  "1 uncertain attempts=1 no reply in time to QUIT\n", BACKED_OFF,
	  "no reply in time to QUIT" },
	{ "binary content whose proof does not come is uncertain", binary_quit_none,
	  600001, "1 uncertain attempts=1 no reply in time to QUIT\n", BACKED_OFF,
	  "no reply in time to QUIT" },
	{ "an end of the connection is no proof", binary_quit_close, 0,
	  "1 uncertain attempts=1 the connection was closed instead of a reply to QUIT\n",
	  BACKED_OFF, "closed" },
	{ "421 is no proof", binary_quit_421, 0,
	  "1 uncertain attempts=1 not a reply to QUIT: 421 closing\n", BACKED_OFF,
	  "not a reply to QUIT" },
	{ "large binary content is proven in the same way", binary_large_rcpt_late, 0,
	  "1 uncertain attempts=1 not a reply to QUIT: 554 no\n", BACKED_OFF,
	  "not a reply to QUIT" },
	{ "5xx in the middle of BDAT is dead", large_bdat_early_5xx, 0,
	  "1 dead attempts=1 reason=content 552 5.3.4 too much\n", UP, "" },
	{ "a journal over the stated SIZE is dead, unsent", too_large_for_size, 0,
	  "1 dead attempts=0 reason=too large for the intake 91 bytes, the intake takes "
	  "50\n",
	  UP, "" },
	{ "a journal that the configuration holds is held", held, 0,
	  "1 held attempts=0 reason=hold: it says so hold: it says so\n", UP, "" },
	{ "a journal that went as an attachment says so", attached, 0,
	  "1 delivered attempts=1 reason=attach: bare CR 250 2.0.0 taken\n", UP, "" },
	{ "a body that changed on disk is quarantined", corrupt_body, 0,
	  "1 quarantined attempts=1 reason=body the stored body does not match its "
	  "checksum\n",
	  UP, "" },
	{ "a large body that changed at its end is quarantined", corrupt_large_body, 0,
	  "1 quarantined attempts=1 reason=body the stored body does not match its "
	  "checksum\n",
	  UP, "" },
	{ "a body that became shorter is quarantined", short_body, 0,
	  "1 quarantined attempts=1 reason=body the stored body is shorter than it was\n",
	  UP, "" },
	{ "a body that became longer is quarantined", long_body, 0,
	  "1 quarantined attempts=1 reason=body the stored body is longer than it was\n",
	  UP, "" },
	{ "a body that cannot be read now is soft", body_io_error, 0,
	  "1 soft attempts=1 the disk says no\n", UP, "" },
	{ "a look-up that fails backs off", no_addresses, 0, "", BACKED_OFF, "SERVFAIL" },
	{ "a host that does not exist suspends", no_such_host, 0, "", SUSPENDED,
	  "no such host" },
	{ "a route to /dev/null drops", dev_null, 0,
	  "1 dropped attempts=0 reason=route\n", UP, "" },
	{ "a journal that is too old is sent all the same", expired, 0,
	  "1 delivered attempts=1 250 2.0.0 taken\n", UP, "" },
	{ "a journal that is too old and put off is dead", expired_and_full, 0,
	  "1 dead attempts=1 reason=expired 452 4.3.1 full\n", UP, "" },
	{ "the last retry refused with 4xx is dead", many_retries, 0,
	  "1 dead attempts=101 reason=expired 452 4.3.1 full\n", UP, "" },
	{ "an envelope that needs SMTPUTF8 waits for it", smtputf8_missing, 0,
	  "1 soft attempts=0 the envelope needs SMTPUTF8, which is not offered\n", UP,
	  "" },
};

static void
say(const struct row *row, const char *what, const char *got, const char *want)
{
	print_error("%s:\n got  %s %s\n want %s %s\n", row->name, what, got, what, want);
}

/* Each connection's part may end early, and is nothing else. */
static bool
is_only_handshake(const char *clear)
{
	static const char *const parts[] = { "EHLO me.example|STARTTLS|",
					     "EHLO me.example|" };

	while (*clear != '\0') {
		size_t i = 0;
		while (i < 2 && strncmp(clear, parts[i], strlen(parts[i])) != 0)
			i++;
		if (i == 2)
			return false;
		clear += strlen(parts[i]);
	}
	return true;
}

/* Prints what is not as it should be. */
static bool
is_as_documented(const struct row *row)
{
	bool is_right = true;
	struct world w;

	world_init(&w);
	world_rows(&w, 1);
	w.spool.account.oldest_waiting_at = 0;
	row->arrange(&w, &w.peer.scripts[0]);
	world_start(&w);
	world_settle(&w);
	if (row->pass_ms > 0)
		world_pass(&w, row->pass_ms);
	struct destination_status s = world_destination(&w);
	if (strcmp(world_log(&w), row->outcome) != 0) {
		say(row, "outcome", world_log(&w), row->outcome);
		is_right = false;
	}
	if (s.state != row->state || strstr(s.last_error, row->error) == NULL) {
		say(row, destination_state_name(s.state), s.last_error, row->error);
		is_right = false;
	}
	if (!is_only_handshake(buf_text(&w.peer.clear))) {
		say(row, "in the clear", buf_text(&w.peer.clear), "EHLO, STARTTLS");
		is_right = false;
	}
	if (strstr(world_commands(&w), "Mid: ") != NULL) {
		say(row, "as commands", world_commands(&w), "none of the content");
		is_right = false;
	}
	/*
	 * What broke off, or does not match its checksum, never was a whole message for
	 * the peer.
	 */
	bool has_no_outcome = row->outcome[0] == '\0' && row->state != UP;
	bool is_one_flight = strstr(w.peer.scripts[0].ehlo_tls, "CHUNKING") != NULL;
	if ((has_no_outcome || strstr(row->outcome, "quarantined") != NULL) &&
	    !is_one_flight && w.peer.n_messages_in_all != 0) {
		say(row, "messages at the peer:", "some", "none");
		is_right = false;
	}
	world_done(&w);
	return is_right;
}

static void
each_fault_has_its_outcome(void **state)
{
	unsigned wrong = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		wrong += !is_as_documented(&rows[i]);
	assert_int_equal(wrong, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_has_its_outcome),
	};

	return WORLD_RUN_TESTS(tests);
}
