/*
 * result.c - latencies, and what is printed at the end.
 */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

void
latencies_add(struct latencies *l, int64_t ns)
{
	if (l->n == l->cap) {
		l->cap = l->cap == 0 ? 65536 : l->cap * 2;
		l->us = realloc(l->us, l->cap * sizeof(*l->us));
		if (l->us == NULL)
			die("realloc");
	}
	l->us[l->n++] = (uint32_t)(ns / 1000);
}

static int
compare_latency(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
print_latencies(const char *name, struct latencies *l)
{
	qsort(l->us, l->n, sizeof(*l->us), compare_latency);
#define AT(q) (l->n == 0 ? 0 : l->us[(size_t)((double)(l->n - 1) * (q))])
	printf(",\"%s\":{\"n\":%zu,\"p50\":%u,\"p90\":%u,\"p99\":%u,\"p999\":%u,\"max\":%"
	       "u}",
	       name, l->n, AT(0.5), AT(0.9), AT(0.99), AT(0.999), AT(1.0));
#undef AT
}

void
print_result(struct run *r)
{
	double seconds = (double)(now_ns() - r->begin) / 1e9;
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	printf("{\"accepted\":%llu,\"refused\":%llu,\"broken\":%llu,\"connections\":%llu,"
	       "\"seconds\":%.3f,"
	       "\"rate\":%.1f,\"bytes\":%llu,\"cpu_s\":%.3f",
	       (unsigned long long)r->accepted, (unsigned long long)r->refused,
	       (unsigned long long)r->broken, (unsigned long long)r->opened, seconds,
	       (double)r->accepted / seconds,
	       (unsigned long long)r->accepted * (r->body_n + 240),
	       (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
	print_latencies("latency_us", &r->reply);
	print_latencies("raw_sync_us", &r->raw);
	printf(",\"first_refusal\":\"%s\"}\n", r->first_refusal);
}
