/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

/* The public functions around the chip: creation, identities, counters. */

#include <errno.h>

#include "rig.h"

static int
create(struct ioat_model_conf conf)
{
	struct ioat_model *m = NULL;
	int rc = ioat_model_create(&m, &conf);

	CHECK_INT(rc == 0, ==, m != NULL);
	ioat_model_destroy(m);
	return rc;
}

static struct fake_host none;

TEST(creation_refuses_what_is_out_of_range)
{
	const struct ioat_model_host host = fake_callbacks(&none);
	struct ioat_model_conf conf = {.host = host};

	CHECK_INT(create(conf), ==, 0);
	conf.channels = IOAT_CHAN_MAX + 1;
	CHECK_INT(create(conf), ==, -EINVAL);
	conf.channels = IOAT_CHAN_MAX;
	CHECK_INT(create(conf), ==, 0);
	conf.xfercap = XFERCAP_MIN - 1;
	CHECK_INT(create(conf), ==, -EINVAL);
	conf.xfercap = XFERCAP_MAX + 1;
	CHECK_INT(create(conf), ==, -EINVAL);
	conf.xfercap = XFERCAP_MAX;
	CHECK_INT(create(conf), ==, 0);
	conf.device = (enum ioat_model_device)4;
	CHECK_INT(create(conf), ==, -EINVAL);
}

TEST(creation_refuses_a_host_without_a_mandatory_callback)
{
	struct ioat_model_conf conf = {.host = fake_callbacks(&none)};

	conf.host.dma_read = NULL;
	CHECK_INT(create(conf), ==, -EINVAL);
	conf.host = fake_callbacks(&none);
	conf.host.dma_write = NULL;
	CHECK_INT(create(conf), ==, -EINVAL);
	conf.host = fake_callbacks(&none);
	conf.host.dma_write64 = NULL;
	CHECK_INT(create(conf), ==, -EINVAL);
	conf.host = fake_callbacks(&none);
	conf.host.map = NULL;
	conf.host.irq = NULL;
	CHECK_INT(create(conf), ==, 0);
}

TEST(identities_carry_the_ids_of_the_parts)
{
	CHECK_INT(ioat_model_identity(IOAT_MODEL_ICX)->pci_device, ==, 0x0b00);
	CHECK_INT(ioat_model_identity(IOAT_MODEL_SKX)->pci_device, ==, 0x2021);
	CHECK_INT(ioat_model_identity(IOAT_MODEL_BDX)->pci_device, ==, 0x6f20);
	CHECK_INT(ioat_model_identity(IOAT_MODEL_IVB)->pci_device, ==, 0x0e20);
	CHECK(ioat_model_identity((enum ioat_model_device)4) == NULL);
	CHECK(ioat_model_identity((enum ioat_model_device) - 1) == NULL);
}

TEST(parts_are_found_by_name)
{
	static const char *const names[] = {"icx", "skx", "bdx", "ivb"};
	enum ioat_model_device device;
	size_t i;

	for (i = 0; i < 4; i++) {
		CHECK_INT(ioat_model_device_by_name(names[i], &device), ==, 0);
		CHECK_INT(device, ==, i);
		assert_string_equal(ioat_model_identity(device)->name, names[i]);
	}
	CHECK_INT(ioat_model_device_by_name("ICX", &device), ==, -ENOENT);
	CHECK_INT(ioat_model_device_by_name("", &device), ==, -ENOENT);
}

TEST(the_configured_xfercap_is_what_the_register_says)
{
	struct rig *r = rig_open_conf((struct ioat_model_conf){.xfercap = 12});

	CHECK_INT(ioat_model_read(r->m, IOAT_XFERCAP, 1), ==, 12);
	ioat_model_reset(r->m);
	CHECK_INT(ioat_model_read(r->m, IOAT_XFERCAP, 1), ==, 12);
	rig_close(r);
}

TEST(a_channel_that_does_not_exist_has_no_work_and_no_counts)
{
	struct rig *r = rig_open_conf((struct ioat_model_conf){.channels = 2});
	struct ioat_model_counters c = {.bytes = 1};

	CHECK(!ioat_model_busy(r->m, 2));
	CHECK_INT(ioat_model_step(r->m, 2, 1000), ==, 0);
	CHECK_INT(ioat_model_step(r->m, UINT32_MAX, 1000), ==, 0);
	ioat_model_counters(r->m, 2, &c);
	CHECK_INT(c.bytes, ==, 0);
	rig_close(r);
}

TEST(function_level_reset_zeroes_the_counters)
{
	struct rig *r = rig_open(IOAT_MODEL_ICX);

	rig_start(r);
	rig_put(r, 0, CTRL_NULL, 0, 0, 8);
	rig_go(r, 1);
	CHECK_INT(rig_counters(r).descriptors, ==, 1);
	ioat_model_reset(r->m);
	CHECK_INT(rig_counters(r).descriptors, ==, 0);
	CHECK_INT(rig_counters(r).doorbells, ==, 0);
	rig_close(r);
}

TEST(two_models_share_nothing)
{
	struct rig *a = rig_open(IOAT_MODEL_ICX), *b = rig_open(IOAT_MODEL_SKX);

	rig_start(a);
	rig_put(a, 0, CTRL_NULL, 0, 0, 8);
	rig_go(a, 1);
	CHECK_INT(rig_status(b), ==, 0x3);
	CHECK_INT(rig_counters(b).doorbells, ==, 0);
	CHECK_INT(ioat_model_read(b->m, IOAT_CBVER, 1), ==, CBVER_3_3);
	rig_close(a);
	rig_close(b);
}

TEST_MAIN("model interface")
