/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* What drivers find in memory when the channel halts (doc/hardware.md, Halt word). */

#include "rig.h"
#include "test.h"

/* As SPDK sets the channel up and looks at it, on a part before version 3.4. */
TEST(halt_word_comes_by_the_rule_of_the_function)
{
	static const enum ioat_model_halt_word rules[] = {IOAT_MODEL_HALT_WORD_ALWAYS,
	                                                  IOAT_MODEL_HALT_WORD_ASKED,
	                                                  IOAT_MODEL_HALT_WORD_NEVER};
	struct vfu_func_conf conf = {.device = IOAT_MODEL_IVB};
	uint64_t word;
	struct rig r;
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		conf.halt_word = rules[i];
		rig_open_ready(&r, &conf);
		rig_arm(&r);
		rig_write(&r, BAR, CHAN(IOAT_CHANCTRL), CHANCTRL_ANY_ERR_ABORT, 2);
		memset(rig_at(&r, CMP), 0, sizeof(word));
		rig_copy_desc(&r, 0, 0x7000000, DST, 64, DESC_CTRL_COMPL);
		CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED);
		memcpy(&word, rig_at(&r, CMP), sizeof(word));
		CHECK_INT(word, ==, i == 0 ? IOAT_STATE_HALTED : 0);
		rig_close(&r);
	}
}

/* As Linux's VFIO selftest: address 0 is memory, but not the driver's. */
TEST(halt_is_not_written_to_a_chancmp_that_was_never_set)
{
	uint64_t before, after;
	struct rig r;

	rig_open_ready(&r, NULL);
	CHECK_INT(rig_map(&r, 0, 4096, VFU_MAP_READ | VFU_MAP_WRITE, r.mem_fd, 0), ==, 0);
	rig_arm(&r);
	rig_write(&r, BAR, CHAN(IOAT_CHANCTRL), CHANCTRL_ANY_ERR_ABORT, 2);
	rig_write(&r, BAR, CHAN(IOAT_CHANCMP), 0, 8);
	rig_copy_desc(&r, 0, 0x7000000, DST, 64, 0);
	memcpy(&before, r.mem, sizeof(before));
	CHECK_INT(rig_ring(&r, 1), ==, IOAT_STATE_HALTED);
	memcpy(&after, r.mem, sizeof(after));
	CHECK_INT(after, ==, before);
	rig_close(&r);
}

TEST_MAIN("vfu_halt")
