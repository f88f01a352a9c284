/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include "test.h"
#include "vfu_ranges.h"

#define PAGE  4096ull
#define SPACE 600u /* pages of the random test */

static struct vfu_range
range_of(uint64_t page, uint64_t pages)
{
	return (struct vfu_range){.addr = page * PAGE, .pages = pages, .rights = page % 3 + 1};
}

static int
add(struct vfu_ranges *ranges, uint64_t page, uint64_t pages)
{
	struct vfu_range range = range_of(page, pages);

	return vfu_ranges_add(ranges, &range);
}

/** What ranges are taken out, in this order. */
struct seen {
	uint64_t page[SPACE];
	uint32_t count;
	uint64_t sum; /* also of more than have room above */
};

static void
note(void *ctx, const struct vfu_range *range)
{
	struct seen *seen = ctx;

	if (seen->count < SPACE)
		seen->page[seen->count] = range->addr / PAGE;
	seen->count++;
	seen->sum += range->addr / PAGE;
}

static uint32_t
take(struct vfu_ranges *ranges, uint64_t page, uint64_t pages, struct seen *seen)
{
	*seen = (struct seen){0};
	return vfu_ranges_take(ranges, page * PAGE, (page + pages) * PAGE - 1, note, seen);
}

/** Check order and balance of the tree at @p t, which bound the way to any range. @return nodes. */
static uint32_t
check_tree(const struct vfu_ranges *ranges, uint32_t t, uint64_t least, uint64_t most)
{
	const struct vfu_range *r = &ranges->node[t];
	unsigned int left, right;

	if (t == 0)
		return 0;
	CHECK(r->addr >= least && vfu_range_last(r) <= most);
	left = ranges->node[r->child[0]].height;
	right = ranges->node[r->child[1]].height;
	CHECK_INT(r->height, ==, (left > right ? left : right) + 1);
	CHECK(left <= right + 1 && right <= left + 1);
	return 1 + check_tree(ranges, r->child[0], least, r->addr - 1) +
	       check_tree(ranges, r->child[1], vfu_range_last(r) + 1, most);
}

static void
check_all(const struct vfu_ranges *ranges)
{
	if (ranges->count == 0)
		CHECK_INT(ranges->root, ==, 0);
	else
		CHECK_INT(check_tree(ranges, ranges->root, 0, UINT64_MAX), ==, ranges->count);
}

TEST(empty_container_has_nothing_to_find_or_take)
{
	struct vfu_ranges ranges = {0};
	struct seen seen;

	CHECK(vfu_ranges_find(&ranges, 0, UINT64_MAX) == NULL);
	CHECK_INT(take(&ranges, 0, 1, &seen), ==, 0);
	vfu_ranges_clear(&ranges);
}

TEST(range_is_found_by_each_of_its_bytes_and_by_what_overlaps_it)
{
	struct vfu_ranges ranges = {0};
	uint64_t top = UINT64_MAX / PAGE;

	CHECK_INT(add(&ranges, 4, 2), ==, 0);
	CHECK_INT(add(&ranges, top, 1), ==, 0); /* it ends at 2^64 */
	CHECK(vfu_ranges_find(&ranges, 4 * PAGE - 1, 4 * PAGE - 1) == NULL);
	CHECK(vfu_ranges_find(&ranges, 6 * PAGE, top * PAGE - 1) == NULL);
	CHECK_INT(vfu_ranges_find(&ranges, 4 * PAGE, 4 * PAGE)->addr, ==, 4 * PAGE);
	CHECK_INT(vfu_ranges_find(&ranges, 6 * PAGE - 1, 6 * PAGE - 1)->addr, ==, 4 * PAGE);
	CHECK_INT(vfu_ranges_find(&ranges, 0, 4 * PAGE)->addr, ==, 4 * PAGE);
	CHECK_INT(vfu_ranges_find(&ranges, 6 * PAGE, UINT64_MAX)->addr, ==, top * PAGE);
	CHECK_INT(vfu_range_last(vfu_ranges_find(&ranges, UINT64_MAX, UINT64_MAX)), ==, UINT64_MAX);
	vfu_ranges_clear(&ranges);
}

TEST(interval_is_taken_in_order_and_its_neighbours_stay)
{
	struct vfu_ranges ranges = {0};
	struct seen seen;
	unsigned int i;

	for (i = 0; i < 100; i++)
		CHECK_INT(add(&ranges, i * 37 % 100, 1), ==, 0);
	CHECK_INT(take(&ranges, 20, 50, &seen), ==, 50);
	for (i = 0; i < 50; i++)
		CHECK_INT(seen.page[i], ==, 20 + i);
	CHECK_INT(ranges.count, ==, 50);
	check_all(&ranges);
	CHECK(vfu_ranges_find(&ranges, 20 * PAGE, 70 * PAGE - 1) == NULL);
	CHECK(vfu_ranges_find(&ranges, 19 * PAGE, 19 * PAGE) != NULL);
	CHECK(vfu_ranges_find(&ranges, 70 * PAGE, 70 * PAGE) != NULL);
	CHECK_INT(take(&ranges, 0, 1000, &seen), ==, 50);
	CHECK(ranges.node == NULL); /* its memory goes with the last one */
	vfu_ranges_clear(&ranges);
}

/* Against a list of who owns each page: ranges of 1 to 4 pages come, intervals go. */
TEST(random_changes_leave_what_a_plain_list_says_and_a_balanced_tree)
{
	uint32_t owner[SPACE + 40] = {0}; /* first page + 1 of the range; 0: free */
	struct vfu_ranges ranges = {0};
	struct seen seen;
	uint32_t random = 1, at, n, i, k, expected;

	for (k = 0; k < 20000; k++) {
		random = random * 1664525 + 1013904223;
		at = random >> 8 & 0x3ff;
		n = random >> 20 & 3;
		if (at >= SPACE)
			continue;
		if (random >> 30 != 0) {
			for (i = at; i <= at + n && owner[i] == 0; i++)
				;
			if (i <= at + n || at + n >= SPACE)
				continue;
			CHECK_INT(add(&ranges, at, n + 1), ==, 0);
			for (i = at; i <= at + n; i++)
				owner[i] = at + 1;
		} else {
			for (i = n * n * 4; owner[at] != 0 && owner[at] != at + 1; at--)
				;
			for (i += at; owner[i] != 0 && owner[i] == owner[i + 1]; i++)
				;
			expected = 0;
			for (n = at; n <= i; n++) {
				expected += owner[n] == n + 1;
				owner[n] = 0;
			}
			CHECK_INT(take(&ranges, at, i + 1 - at, &seen), ==, expected);
		}
		if (k % 16 == 0)
			check_all(&ranges);
	}
	for (i = 0; i < SPACE; i++)
		CHECK((vfu_ranges_find(&ranges, i * PAGE, i * PAGE) != NULL) == (owner[i] != 0));
	vfu_ranges_clear(&ranges);
}

/** Take over @p n pages in an order that @p step makes, an odd number; @p n is a power of two. */
static void
fill(struct vfu_ranges *ranges, uint32_t n, uint32_t step)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		CHECK_INT(add(ranges, (uint32_t)(i * step) % n, 1), ==, 0);
	check_all(ranges);
}

/* A client chooses the order. */
TEST(tree_is_balanced_whether_it_grew_up_down_or_across)
{
	static const uint32_t steps[] = {1, UINT32_MAX, 2654435761u};
	struct vfu_ranges ranges = {0};
	uint32_t s;

	for (s = 0; s < 3; s++) {
		fill(&ranges, 1u << 16, steps[s]);
		vfu_ranges_clear(&ranges);
	}
}

TEST(one_more_than_the_limit_is_refused_until_one_is_taken)
{
	struct vfu_ranges ranges = {0};
	struct seen seen;

	fill(&ranges, VFU_RANGES_MAX, 2654435761u);
	CHECK_INT(add(&ranges, VFU_RANGES_MAX, 1), ==, -ENOSPC);
	CHECK_INT(ranges.room, ==, VFU_RANGES_MAX + 1);
	CHECK_INT(take(&ranges, 0, 1, &seen), ==, 1);
	CHECK_INT(add(&ranges, VFU_RANGES_MAX, 1), ==, 0); /* in the place of that one */
	CHECK_INT(ranges.room, ==, VFU_RANGES_MAX + 1);
	CHECK_INT(take(&ranges, 1, VFU_RANGES_MAX, &seen), ==, VFU_RANGES_MAX);
	CHECK_INT(seen.sum, ==, (uint64_t)VFU_RANGES_MAX * (VFU_RANGES_MAX + 1ull) / 2);
	CHECK(ranges.node == NULL);
}

TEST_MAIN("vfu_ranges")
