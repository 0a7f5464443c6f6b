/*
 * failure.c - what went wrong, in the words of an administrator where OpenSSL's are
 * obscure.
 */
#include "failure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stddef.h>
#include <string.h>

static const struct reason {
	int code;
	const char *text;
} reasons[] = {
	{ SSL_R_WRONG_VERSION_NUMBER, "the peer sent something that is not TLS" },
	{ SSL_R_PACKET_LENGTH_TOO_LONG, "the peer sent something that is not TLS" },
	{ SSL_R_BAD_PACKET_LENGTH, "the peer sent something that is not TLS" },
	{ SSL_R_HTTP_REQUEST, "the peer sent something that is not TLS (HTTP)" },
	{ SSL_R_HTTPS_PROXY_REQUEST, "the peer sent something that is not TLS (HTTP)" },
	{ SSL_R_UNSUPPORTED_PROTOCOL,
	  "the peer offers no TLS version that is allowed here" },
	{ SSL_R_VERSION_TOO_LOW, "the peer offers no TLS version that is allowed here" },
	{ SSL_R_WRONG_SSL_VERSION,
	  "the peer offers no TLS version that is allowed here" },
	{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION,
	  "the peer allows none of our TLS versions (its alert: protocol version)" },
	{ SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE,
	  "the peer found nothing in common with us (its alert: handshake failure)" },
	{ SSL_R_TLSV1_ALERT_INSUFFICIENT_SECURITY,
	  "the peer wants stronger parameters (its alert: insufficient security)" },
	{ SSL_R_TLSV1_ALERT_UNKNOWN_CA,
	  "the peer does not know our issuer (its alert: unknown CA)" },
	{ SSL_R_TLSV1_UNRECOGNIZED_NAME,
	  "the peer does not know the name that we asked for" },
	{ SSL_R_NO_SHARED_CIPHER, "no cipher in common with the peer" },
	{ SSL_R_UNEXPECTED_EOF_WHILE_READING,
	  "the peer cut the connection without a TLS goodbye" },
	{ SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC,
	  "a record from the peer was damaged on its way" },
};

static const char *
reason_text(unsigned long code)
{
	if (ERR_GET_LIB(code) == ERR_LIB_SSL)
		for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
			if (reasons[i].code == ERR_GET_REASON(code))
				return reasons[i].text;
	return NULL;
}

int
tls_failure(struct err *e, enum err_kind kind, const char *what)
{
	unsigned long code = ERR_get_error();
	const char *text = reason_text(code);

	ERR_clear_error();
	if (code != 0 && ERR_SYSTEM_ERROR(code))
		return err_set(e, kind, (int)ERR_GET_REASON(code), "%s", what);
	if (text == NULL && code != 0)
		text = ERR_reason_error_string(code);
	if (code != 0 && ERR_GET_LIB(code) == ERR_LIB_SSL &&
	    ERR_GET_REASON(code) > SSL_AD_REASON_OFFSET && reason_text(code) == NULL)
		return err_set(e, kind, 0, "%s: alert from the peer: %s", what,
			       SSL_alert_desc_string_long(ERR_GET_REASON(code) -
							  SSL_AD_REASON_OFFSET));
	return err_set(e, kind, 0, "%s: %s", what,
		       text == NULL ? "no reason given" : text);
}
