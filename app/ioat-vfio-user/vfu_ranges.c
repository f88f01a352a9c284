/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/*
 * An AVL tree whose nodes are numbers of an array: half the memory of nodes by themselves, freed
 * by one call where millions of them would keep the end of a function waiting. All changes come
 * down to tree_join(), which is why a whole interval can leave at once.
 */

#include <errno.h>
#include <stdlib.h>

#include "vfu_ranges.h"
#include "vfu_wire.h"

#define NONE  0u
#define FIRST 64u /* nodes to begin with */

enum side {
	LEFT,
	RIGHT,
};

_Static_assert(sizeof(struct vfu_range) == 40, "what doc/model.md says of memory");

static uint64_t
page_of(uint64_t addr)
{
	return addr / VFU_PAGE_SIZE;
}

uint64_t
vfu_range_last(const struct vfu_range *range)
{
	return range->addr + (uint64_t)range->pages * VFU_PAGE_SIZE - 1;
}

/* ---- the tree: functions take roots and return the root that came of them ---- */

static unsigned int
tree_height(const struct vfu_range *node, uint32_t t)
{
	return node[t].height; /* node[NONE] has 0 */
}

static void
tree_update(struct vfu_range *node, uint32_t t)
{
	unsigned int left = tree_height(node, node[t].child[LEFT]);
	unsigned int right = tree_height(node, node[t].child[RIGHT]);

	node[t].height = (left > right ? left : right) + 1;
}

/** Lift the child of @p t on @p side above it. */
static uint32_t
tree_rotate(struct vfu_range *node, uint32_t t, enum side side)
{
	uint32_t up = node[t].child[side];

	node[t].child[side] = node[up].child[!side];
	node[up].child[!side] = t;
	tree_update(node, t);
	tree_update(node, up);
	return up;
}

/** Make right a node whose child on @p side may be higher than the other one by two. */
static uint32_t
tree_balance(struct vfu_range *node, uint32_t t, enum side side)
{
	uint32_t high = node[t].child[side];

	if (tree_height(node, high) > tree_height(node, node[t].child[!side]) + 1) {
		if (tree_height(node, node[high].child[!side]) >
		    tree_height(node, node[high].child[side]))
			node[t].child[side] = tree_rotate(node, high, !side);
		return tree_rotate(node, t, side);
	}
	tree_update(node, t);
	return t;
}

/** Make one tree of @p left, the node @p middle and @p right, in this order. */
static uint32_t
tree_join(struct vfu_range *node, uint32_t left, uint32_t middle, uint32_t right)
{
	if (tree_height(node, left) > tree_height(node, right) + 1) {
		node[left].child[RIGHT] = tree_join(node, node[left].child[RIGHT], middle, right);
		return tree_balance(node, left, RIGHT);
	}
	if (tree_height(node, right) > tree_height(node, left) + 1) {
		node[right].child[LEFT] = tree_join(node, left, middle, node[right].child[LEFT]);
		return tree_balance(node, right, LEFT);
	}
	node[middle].child[LEFT] = left;
	node[middle].child[RIGHT] = right;
	tree_update(node, middle);
	return middle;
}

/** Cut @p t into the ranges that begin before @p page and the others. */
static void
tree_split(struct vfu_range *node, uint32_t t, uint64_t page, uint32_t *before, uint32_t *rest)
{
	uint32_t part;

	if (t == NONE) {
		*before = NONE;
		*rest = NONE;
	} else if (page_of(node[t].addr) < page) {
		tree_split(node, node[t].child[RIGHT], page, &part, rest);
		*before = tree_join(node, node[t].child[LEFT], t, part);
	} else {
		tree_split(node, node[t].child[LEFT], page, before, &part);
		*rest = tree_join(node, part, t, node[t].child[RIGHT]);
	}
}

/** Take the first node of @p t, which is not empty, out of it. */
static uint32_t
tree_take_first(struct vfu_range *node, uint32_t t, uint32_t *first)
{
	uint32_t rest;

	if (node[t].child[LEFT] == NONE) {
		*first = t;
		return node[t].child[RIGHT];
	}
	rest = tree_take_first(node, node[t].child[LEFT], first);
	return tree_join(node, rest, t, node[t].child[RIGHT]);
}

static uint32_t
tree_insert(struct vfu_range *node, uint32_t t, uint32_t added)
{
	enum side side;

	if (t == NONE) {
		node[added].child[LEFT] = NONE;
		node[added].child[RIGHT] = NONE;
		node[added].height = 1;
		return added;
	}
	side = node[added].addr > node[t].addr ? RIGHT : LEFT;
	node[t].child[side] = tree_insert(node, node[t].child[side], added);
	return tree_balance(node, t, side);
}

/* ---- the array ---- */

/** A node that nobody uses. @return 0; -ENOSPC; -ENOMEM. */
static int
node_get(struct vfu_ranges *ranges, uint32_t *out)
{
	uint32_t room = ranges->room != 0 ? 2 * ranges->room : FIRST;
	struct vfu_range *node;

	if (ranges->count >= VFU_RANGES_MAX)
		return -ENOSPC;
	if (ranges->unused != NONE) {
		*out = ranges->unused;
		ranges->unused = ranges->node[*out].child[LEFT];
		return 0;
	}
	if (ranges->used == ranges->room) {
		if (room > VFU_RANGES_MAX + 1)
			room = VFU_RANGES_MAX + 1;
		node = realloc(ranges->node, room * sizeof(*node));
		if (node == NULL)
			return -ENOMEM;
		if (ranges->used == 0) {
			node[NONE] = (struct vfu_range){0};
			ranges->used = 1;
		}
		ranges->node = node;
		ranges->room = room;
	}
	*out = ranges->used++;
	return 0;
}

/** What vfu_ranges_take() does with each range that it takes. */
struct taking {
	struct vfu_ranges *ranges;
	void (*gone)(void *ctx, const struct vfu_range *range);
	void *ctx;
	uint32_t count;
};

/** Give the nodes of @p t back. */
static void
node_put_all(struct taking *taking, uint32_t t)
{
	struct vfu_range *range = &taking->ranges->node[t];
	uint32_t right = range->child[RIGHT];

	if (t == NONE)
		return;
	node_put_all(taking, range->child[LEFT]);
	taking->gone(taking->ctx, range);
	taking->count++;
	range->child[LEFT] = taking->ranges->unused;
	taking->ranges->unused = t;
	node_put_all(taking, right);
}

/* ---- the container ---- */

const struct vfu_range *
vfu_ranges_find(const struct vfu_ranges *ranges, uint64_t addr, uint64_t last)
{
	const struct vfu_range *node = ranges->node;
	uint32_t t = ranges->root;

	while (t != NONE) {
		if (node[t].addr > last)
			t = node[t].child[LEFT];
		else if (vfu_range_last(&node[t]) < addr)
			t = node[t].child[RIGHT];
		else
			return &node[t];
	}
	return NULL;
}

int
vfu_ranges_add(struct vfu_ranges *ranges, const struct vfu_range *range)
{
	uint32_t added;
	int rc = node_get(ranges, &added);

	if (rc < 0)
		return rc;
	ranges->node[added] = *range;
	ranges->root = tree_insert(ranges->node, ranges->root, added);
	ranges->count++;
	return 0;
}

uint32_t
vfu_ranges_take(struct vfu_ranges *ranges, uint64_t addr, uint64_t last,
                void (*gone)(void *ctx, const struct vfu_range *range), void *ctx)
{
	struct taking taking = {ranges, gone, ctx, 0};
	uint32_t before, inside, behind, first;

	if (ranges->root == NONE)
		return 0;
	tree_split(ranges->node, ranges->root, page_of(addr), &before, &inside);
	tree_split(ranges->node, inside, page_of(last) + 1, &inside, &behind);
	node_put_all(&taking, inside);
	ranges->root = before;
	if (behind != NONE) {
		behind = tree_take_first(ranges->node, behind, &first);
		ranges->root = tree_join(ranges->node, before, first, behind);
	}
	ranges->count -= taking.count;
	if (ranges->count == 0)
		vfu_ranges_clear(ranges);
	return taking.count;
}

void
vfu_ranges_clear(struct vfu_ranges *ranges)
{
	free(ranges->node);
	*ranges = (struct vfu_ranges){0};
}
