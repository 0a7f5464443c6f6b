/*
 * list.h - intrusive doubly linked lists: state as membership.
 *
 * A node is in at most one list. An unlinked node has next == NULL. One thread.
 */
#ifndef TDC_BASE_LIST_H
#define TDC_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list_node {
	struct list_node *next, *prev;
};

struct list {
	struct list_node head; /* a ring through the head */
	size_t count;
};

static inline void
list_init(struct list *l)
{
	l->head.next = l->head.prev = &l->head;
	l->count = 0;
}

static inline bool
list_is_empty(const struct list *l)
{
	return l->head.next == &l->head;
}

static inline bool
list_node_is_linked(const struct list_node *n)
{
	return n->next != NULL;
}

static inline void
list_insert_between(struct list *l, struct list_node *n, struct list_node *a,
		    struct list_node *b)
{
	n->prev = a;
	n->next = b;
	a->next = n;
	b->prev = n;
	l->count++;
}

static inline void
list_append(struct list *l, struct list_node *n)
{
	list_insert_between(l, n, l->head.prev, &l->head);
}

static inline void
list_prepend(struct list *l, struct list_node *n)
{
	list_insert_between(l, n, &l->head, l->head.next);
}

static inline void
list_remove(struct list *l, struct list_node *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = n->prev = NULL;
	l->count--;
}

static inline struct list_node *
list_first(const struct list *l)
{
	return list_is_empty(l) ? NULL : l->head.next;
}

static inline struct list_node *
list_next(const struct list *l, const struct list_node *n)
{
	return n->next == &l->head ? NULL : n->next;
}

#define list_entry(node, type, member)                                                   \
	((type *)(void *)((char *)(node)-offsetof(type, member)))

#endif
