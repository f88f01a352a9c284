/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "test.h"

#include "fwd.h"
#include "packet.h"
#include "rig.h"

#define ROOM (RTE_MBUF_DEFAULT_BUF_SIZE - RTE_PKTMBUF_HEADROOM)

static void
check_whole_copy(const uint16_t *lens, uint16_t nb_segs, uint32_t len, uint16_t dst_segs)
{
	unsigned int before = rig_buffers_in_use();
	struct rte_mbuf *src = rig_packet(7, lens, nb_segs), *dst;
	uint32_t buffers = 0;

	CHECK_INT(packet_alloc_copies(rig_pool, &src, &dst, 1, &buffers), ==, 1);
	CHECK_INT(dst->nb_segs, ==, dst_segs);
	CHECK_INT(buffers, ==, dst_segs);
	packet_copy_data(dst, src);
	rig_check_packet(dst, 7, len);
	rte_pktmbuf_free(src);
	rte_pktmbuf_free(dst);
	CHECK_INT(rig_buffers_in_use(), ==, before);
}

TEST(a_packet_of_one_segment_is_copied)
{
	check_whole_copy((const uint16_t[]){1514}, 1, 1514, 1);
}

TEST(a_chain_that_fits_one_buffer_becomes_one_segment)
{
	check_whole_copy((const uint16_t[]){14, 1, 700, 33}, 4, 748, 1);
}

TEST(segments_without_data_do_not_matter)
{
	check_whole_copy((const uint16_t[]){0, 100, 0, 0, 5, 0}, 6, 105, 1);
}

TEST(a_packet_longer_than_a_buffer_becomes_a_chain)
{
	check_whole_copy((const uint16_t[]){2000, 2000, 2000, 2000, 1018}, 5, 9018,
	                 (9018 + ROOM - 1) / ROOM);
}

TEST(a_packet_as_long_as_its_buffers_needs_no_other)
{
	check_whole_copy((const uint16_t[]){ROOM, ROOM}, 2, 2 * ROOM, 2);
}

TEST(a_packet_without_data_stays_without)
{
	check_whole_copy((const uint16_t[]){0}, 1, 0, 1);
}

TEST(the_real_length_counts_when_pkt_len_claims_more)
{
	struct rte_mbuf *src = rig_simple_packet(1, 60), *dst;
	uint32_t buffers = 0;

	src->pkt_len = 5000;
	CHECK_INT(packet_alloc_copies(rig_pool, &src, &dst, 1, &buffers), ==, 1);
	packet_copy_data(dst, src);
	rig_check_packet(dst, 1, 60);
	rte_pktmbuf_free(src);
	rte_pktmbuf_free(dst);
}

TEST(metadata_goes_along_and_buffer_flags_do_not)
{
	struct rte_mbuf *buf = rig_simple_packet(3, 90), *src = rte_pktmbuf_alloc(rig_pool), *dst;
	uint32_t buffers = 0;

	rte_pktmbuf_attach(src, buf); /* indirect: another's buffer */
	src->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_RSS_HASH;
	src->vlan_tci = 0x123;
	src->vlan_tci_outer = 0x456;
	src->hash.rss = 0xdeadbeef;
	src->packet_type = RTE_PTYPE_L2_ETHER;
	src->port = 9;
	CHECK_INT(packet_alloc_copies(rig_pool, &src, &dst, 1, &buffers), ==, 1);
	CHECK_INT(dst->ol_flags, ==, RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_RSS_HASH);
	CHECK_INT(dst->vlan_tci, ==, 0x123);
	CHECK_INT(dst->vlan_tci_outer, ==, 0x456);
	CHECK_INT(dst->hash.rss, ==, 0xdeadbeef);
	CHECK_INT(dst->packet_type, ==, RTE_PTYPE_L2_ETHER);
	CHECK_INT(dst->port, ==, 9);
	packet_copy_data(dst, src);
	rig_check_packet(dst, 3, 90);
	rte_pktmbuf_free(src);
	rte_pktmbuf_free(buf);
	rte_pktmbuf_free(dst);
}

TEST(an_empty_pool_gives_as_many_copies_as_it_has)
{
	struct rte_mempool *small = rte_pktmbuf_pool_create("small", 4, 0, 0, 2176, 0);
	struct rte_mbuf *srcs[6], *dsts[6];
	const uint16_t lens[] = {2000, 2000};
	uint32_t buffers = 0;

	/* Buffers for: one, a chain of two, one; then none for the fourth. */
	for (int i = 0; i < 6; i++)
		srcs[i] = rig_packet(i, lens, i == 1 ? 2 : 1);
	CHECK_INT(packet_alloc_copies(small, srcs, dsts, 6, &buffers), <=, 3);
	CHECK_INT(rte_mempool_avail_count(small) + rte_mempool_in_use_count(small), ==, 4);
	rte_pktmbuf_free_bulk(srcs, 6);
	rte_mempool_free(small);
}

TEST(a_chain_that_cannot_be_completed_gives_its_buffers_back)
{
	struct rte_mempool *small = rte_pktmbuf_pool_create("small", 3, 0, 0, 2176, 0);
	const uint16_t lens[] = {2000, 2000, 2000, 2000, 2000};
	struct rte_mbuf *src = rig_packet(0, lens, 5), *dst;
	uint32_t buffers = 0;

	CHECK_INT(packet_alloc_copies(small, &src, &dst, 1, &buffers), ==, 0);
	CHECK_INT(buffers, ==, 0);
	CHECK_INT(rte_mempool_avail_count(small), ==, 3);
	rte_pktmbuf_free(src);
	rte_mempool_free(small);
}

TEST(the_mac_engine_replaces_both_addresses_and_nothing_else)
{
	const struct fwd_context ctx = {.src = {{2, 2, 2, 2, 2, 2}}, .dst = {{4, 4, 4, 4, 4, 4}}};
	struct rte_mbuf *m = rig_simple_packet(5, 60), *orig = rig_simple_packet(5, 60);
	uint8_t *p = rte_pktmbuf_mtod(m, uint8_t *);

	fwd_mac.edit(&ctx, &m, 1);
	CHECK_MEM(p, &ctx.dst, 6);
	CHECK_MEM(p + 6, &ctx.src, 6);
	CHECK_MEM(p + 12, rte_pktmbuf_mtod_offset(orig, uint8_t *, 12), 48);
	rte_pktmbuf_free(m);
	rte_pktmbuf_free(orig);
}

TEST(the_mac_engine_leaves_a_fragment_of_a_header_alone)
{
	const struct fwd_context ctx = {.src = {{2, 2, 2, 2, 2, 2}}, .dst = {{4, 4, 4, 4, 4, 4}}};
	struct rte_mbuf *m = rig_simple_packet(5, 13);

	fwd_mac.edit(&ctx, &m, 1);
	rig_check_packet(m, 5, 13);
	rte_pktmbuf_free(m);
}

TEST(the_io_engine_changes_nothing)
{
	const struct fwd_context ctx = {.src = {{2, 2, 2, 2, 2, 2}}, .dst = {{4, 4, 4, 4, 4, 4}}};
	struct rte_mbuf *m = rig_simple_packet(5, 60);

	fwd_io.edit(&ctx, &m, 1);
	rig_check_packet(m, 5, 60);
	rte_pktmbuf_free(m);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dmafwd_packet") == 0 ? 0 : 1;
}
