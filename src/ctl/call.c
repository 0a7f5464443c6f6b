/*
 * call.c - HTTP over the control socket by libcurl.
 */
#include "call.h"

#include "print.h"

#include "tdc/base/buf.h"

#include <curl/curl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	ANSWER_MAX = 64 << 20,
	CONNECT_SECONDS = 5,
	ANSWER_SECONDS = 600, /* an action on 100,000 journals takes a while */
};

struct client {
	CURL *curl;
	char *socket;
	char problem[CURL_ERROR_SIZE];
	struct buf answer;
};

static size_t
take(char *p, size_t size, size_t n, void *arg)
{
	return buf_append(arg, p, size * n) == 0 ? size * n : 0;
}

struct client *
client_new(const char *socket)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	buf_init(&c->answer, ANSWER_MAX);
	c->socket = strdup(socket);
	c->curl = curl_easy_init();
	if (c->socket == NULL || c->curl == NULL) {
		client_free(c);
		return NULL;
	}
	curl_easy_setopt(c->curl, CURLOPT_UNIX_SOCKET_PATH, c->socket);
	curl_easy_setopt(c->curl, CURLOPT_ERRORBUFFER, c->problem);
	curl_easy_setopt(c->curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, (long)ANSWER_SECONDS);
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &c->answer);
	return c;
}

void
client_free(struct client *c)
{
	if (c == NULL)
		return;
	curl_easy_cleanup(c->curl);
	buf_done(&c->answer);
	free(c->socket);
	free(c);
}

static enum exit_code
unreachable(const struct client *c, CURLcode code)
{
	long os = 0;

	curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &os);
	const char *why = code == CURLE_COULDNT_CONNECT && os != 0 ? strerror((int)os)
			  : c->problem[0] != '\0'                  ? c->problem
						  : curl_easy_strerror(code);
	fprintf(stderr, "tdcctl: tdcd cannot be reached at %s: %s\n", c->socket, why);
	return UNREACHABLE;
}

static enum exit_code
ask(struct client *c, const char *path, int is_post, long *status, json_t **ret)
{
	char url[2048];
	json_error_t error;

	snprintf(url, sizeof(url), "http://tdcd%s", path);
	buf_clear(&c->answer);
	c->problem[0] = '\0';
	curl_easy_setopt(c->curl, CURLOPT_URL, url);
	if (is_post)
		curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, "");
	else
		curl_easy_setopt(c->curl, CURLOPT_HTTPGET, 1L);
	CURLcode code = curl_easy_perform(c->curl);
	if (code != CURLE_OK)
		return unreachable(c, code);
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, status);
	*ret = json_loadb(buf_span(&c->answer).p, c->answer.n, 0, &error);
	if (*ret != NULL)
		return DONE;
	fprintf(stderr, "tdcctl: %s does not speak as tdcd does (status %ld): %s\n",
		c->socket, *status, error.text);
	return UNREACHABLE;
}

static enum exit_code
expect_done(struct client *c, const char *path, int is_post, json_t **ret)
{
	long status = 0;
	enum exit_code code = ask(c, path, is_post, &status, ret);

	if (code != DONE || status == 200)
		return code;
	fprintf(stderr, "tdcctl: ");
	print_text(stderr, json_string_value(json_object_get(*ret, "detail")));
	fputc('\n', stderr);
	json_decref(*ret);
	*ret = NULL;
	return status == 400 ? USAGE : REFUSED;
}

enum exit_code
client_get(struct client *c, const char *path, json_t **ret)
{
	return expect_done(c, path, 0, ret);
}

enum exit_code
client_post(struct client *c, const char *path, json_t **ret)
{
	return expect_done(c, path, 1, ret);
}

enum exit_code
client_ask(struct client *c, const char *path, long *status, json_t **ret)
{
	return ask(c, path, 0, status, ret);
}

enum exit_code
client_order(struct client *c, const char *path, long *status, json_t **ret)
{
	return ask(c, path, 1, status, ret);
}
