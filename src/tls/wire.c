/*
 * wire.c - a BIO between OpenSSL and the buffers of a stream.
 */
#include "wire.h"

static int
wire_read(BIO *b, char *to, int size)
{
	struct tls_wire *w = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (size <= 0)
		return 0;
	size_t n = (size_t)size;
	if (n > w->allowed)
		n = w->allowed;
	if (w->in == NULL)
		n = 0;
	else if (n > w->in->n)
		n = w->in->n;
	if (n == 0) {
		BIO_set_retry_read(b);
		return -1;
	}
	memcpy(to, buf_span(w->in).p, n);
	buf_consume(w->in, n);
	w->allowed -= n;
	return (int)n;
}

static int
wire_write(BIO *b, const char *from, int size)
{
	struct tls_wire *w = BIO_get_data(b);

	BIO_clear_retry_flags(b);
	if (size <= 0)
		return 0;
	size_t n = (size_t)size;
	size_t room = w->out == NULL ? 0 : buf_room(w->out);
	if (n > room)
		n = room;
	if (n == 0) {
		BIO_set_retry_write(b);
		return -1;
	}
	return buf_append(w->out, from, n) != 0 ? -1 : (int)n;
}

static long
wire_control(BIO *b, int command, long number, void *pointer)
{
	(void)b;
	(void)number;
	(void)pointer;
	return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD *
tls_wire_method(void)
{
	BIO_METHOD *m =
		BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "stream");

	if (m == NULL)
		return NULL;
	BIO_meth_set_read(m, wire_read);
	BIO_meth_set_write(m, wire_write);
	BIO_meth_set_ctrl(m, wire_control);
	return m;
}

BIO *
tls_wire_bio(const BIO_METHOD *method, struct tls_wire *w)
{
	BIO *b = BIO_new(method);

	if (b == NULL)
		return NULL;
	BIO_set_data(b, w);
	BIO_set_init(b, 1);
	return b;
}
