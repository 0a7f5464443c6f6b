/*
 * status.c - the state of the whole daemon.
 */
#include "internal.h"

#include "tdc/base/counter.h"
#include "tdc/deliver/deliver.h"
#include "tdc/loop/loop.h"
#include "tdc/server/server.h"

static json_t *
json_of_listeners(struct admin *a)
{
	json_t *list = json_array();
	struct admin_listener l;

	for (size_t i = 0; a->ops->listener(a->ops_arg, i, &l); i++) {
		json_t *o = json_object();
		json_put(o, "name", json_peer_text(l.name));
		json_put(o, "protocol", json_string(l.protocol));
		json_put(o, "address", json_peer_text(l.address));
		(void)json_array_append_new(list, o);
	}
	return list;
}

static void
add_destination(void *arg, const struct destination_status *s)
{
	json_t *o = json_object();

	json_put(o, "domain", json_peer_text(s->domain));
	json_put(o, "state", json_string(destination_state_name(s->state)));
	json_put_outage(o, s);
	json_put(o, "connections", json_integer(s->connections));
	json_put(o, "in_flight", json_integer(s->in_flight));
	json_put(o, "delivered", json_count(s->delivered));
	json_put(o, "soft_bounced", json_count(s->soft_bounced));
	json_put(o, "hard_bounced", json_count(s->hard_bounced));
	json_put(o, "last_tls",
		 s->last_tls[0] == '\0' ? json_null() : json_peer_text(s->last_tls));
	(void)json_array_append_new(arg, o);
}

static json_t *
json_of_spool(const struct spool *sp)
{
	struct spool_status s;
	json_t *o = json_object();

	spool_status(sp, &s);
	json_put(o, "is_accepting", json_boolean(s.is_accepting));
	json_put(o, "trouble",
		 s.trouble[0] == '\0' ? json_null() : json_peer_text(s.trouble));
	const struct {
		const char *key;
		uint64_t value;
	} rows[] = {
		{ "free_bytes", s.free_bytes },
		{ "reserve", s.reserve },
		{ "database_bytes", s.database_bytes },
		{ "wal_bytes", s.wal_bytes },
		{ "segment_bytes", s.segment_bytes },
		{ "file_bytes", s.file_bytes },
		{ "hot_bytes", s.hot_bytes },
		{ "in_flight_bytes", s.in_flight_bytes },
		{ "unsynced_outcomes", s.unsynced_outcomes },
		{ "refused_rows", s.refused_rows },
		{ "longest_commit_us", (uint64_t)s.longest_commit_us },
		{ "longest_checkpoint_us", (uint64_t)s.longest_checkpoint_us },
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		json_put(o, rows[i].key, json_count(rows[i].value));
	return o;
}

static json_t *
json_of_counters(void)
{
	json_t *o = json_object();

	for (int i = 0; i < COUNTER_COUNT; i++)
		json_put(o, counter_name((enum counter)i),
			 json_count(counter_get((enum counter)i)));
	return o;
}

void
run_status(struct call *c)
{
	struct admin *a = c->admin;
	struct server_status now;
	int64_t started = a->ops->started_at(a->ops_arg), wall = loop_wall_ms(a->loop);
	json_t *o = json_object(), *destinations = json_array(),
	       *incoming = json_object();

	server_status(a->server, &now);
	json_put(incoming, "connections", json_integer(now.connections));
	json_put(incoming, "transactions", json_integer(now.transactions));
	deliver_each_destination(a->deliver, add_destination, destinations);
	json_put(o, "version", json_string(a->version));
	json_put(o, "now", json_time(wall));
	json_put(o, "started_at", json_time(started));
	json_put(o, "uptime_seconds", json_integer((wall - started) / 1000));
	json_put(o, "configuration_generation",
		 json_count(a->ops->configuration_generation(a->ops_arg)));
	json_put(o, "health", json_of_health(a));
	json_put(o, "listeners", json_of_listeners(a));
	json_put(o, "incoming", incoming);
	json_put(o, "destinations", destinations);
	json_put(o, "account", json_of_account(spool_account(a->spool)));
	json_put(o, "spool", json_of_spool(a->spool));
	json_put(o, "counters", json_of_counters());
	call_answer(c, 200, o);
}
