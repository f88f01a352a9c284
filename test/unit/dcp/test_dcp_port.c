/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>

#include <rte_errno.h>

#include "test.h"

#include "dcp_priv.h"
#include "rig.h"

/* --- create, destroy */

static void
check_refused(struct dcp_conf conf)
{
	rte_errno = 0;
	CHECK(dcp_create(&conf) == NULL);
	CHECK_INT(rte_errno, ==, EINVAL);
}

TEST(each_field_out_of_range_is_refused)
{
	const struct dcp_conf good = rig_conf();
	struct dcp_conf conf;

#define BAD(field, value) (conf = good, conf.field = (value), check_refused(conf))
	BAD(name, NULL);
	BAD(name, "");
	BAD(name, "a name that is longer than any port may have");
	BAD(max_chans, 0);
	BAD(max_chans, DCP_CHANS_MAX + 1);
	BAD(max_workers, 0);
	BAD(max_workers, DCP_WORKERS_MAX + 1);
	BAD(chan_depth, 1000);
	BAD(chan_depth, DCP_DEPTH_MAX * 2);
	BAD(post_depth, DCP_DEPTH_MAX + 1);
	BAD(spin_us, DCP_WAIT_US_MAX + 1);
	BAD(nap_us, DCP_WAIT_US_MAX + 1);
	BAD(flags, DCP_F_SINGLE << 1);
#undef BAD
	CHECK(dcp_create(NULL) == NULL);
}

TEST(name_is_unique_until_destroyed)
{
	struct dcp_conf conf = rig_conf();
	struct dcp_port *port = dcp_create(&conf);

	CHECK(port != NULL);
	CHECK(dcp_create(&conf) == NULL);
	CHECK_INT(rte_errno, ==, EEXIST);
	rig_end(port);
	port = dcp_create(&conf);
	CHECK(port != NULL);
	rig_end(port);
}

TEST(a_port_of_a_single_thread_takes_no_lock)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_conf conf = rig_conf();
	struct dcp_cpl out[8];
	struct dcp_worker *w;
	struct dcp_port *port;
	uint16_t chan;

	conf.flags = DCP_F_SINGLE;
	port = dcp_create(&conf);
	CHECK(port != NULL);
	w = rig_worker(port, 0);
	chan = rig_chan(port, dev, 0);
	CHECK_INT(rig_issue(port, chan, 7, 3), ==, 3);
	/* Nobody would ever drop these. */
	atomic_store(&port->devs[0].lock.taken, 1);
	atomic_store(&port->posts.lock.taken, 1);
	rig_post(port, 99);
	CHECK_INT(dcp_get(w, out, 8, 0), ==, 4);
	CHECK_INT(rig_issue(port, chan, 10, 2), ==, 2);
	CHECK_INT(dcp_get(w, out, 8, 0), ==, 2);
	CHECK_INT(out[0].ctx, ==, 10);
	CHECK_INT(dcp_chan_del(port, chan, true, 0), ==, 0);
	dcp_worker_del(w);
	rig_end(port);
	rig_device_free(dev);
}

TEST(too_much_memory_is_enomem)
{
	struct dcp_conf conf = rig_conf();

	conf.max_chans = DCP_CHANS_MAX;
	conf.chan_depth = DCP_DEPTH_MAX; /* 640 MB, of 256 */
	CHECK(dcp_create(&conf) == NULL);
	CHECK_INT(rte_errno, ==, ENOMEM);
}

TEST(destroy_wants_it_closed_and_without_channels_and_workers)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint16_t chan = rig_chan(port, dev, 0);
	struct dcp_cpl cpl;

	rig_post(port, 1);
	CHECK_INT(dcp_destroy(port), ==, -EBUSY);
	dcp_close(port);
	CHECK_INT(dcp_destroy(port), ==, -EBUSY);
	CHECK_INT(dcp_get(w, &cpl, 1, 0), ==, 1);
	CHECK_INT(dcp_destroy(port), ==, -EBUSY);
	CHECK_INT(dcp_chan_del(port, chan, false, 0), ==, 0);
	CHECK_INT(dcp_destroy(port), ==, -EBUSY);
	dcp_worker_del(w);
	CHECK_INT(dcp_destroy(port), ==, 0);
	CHECK_INT(dcp_destroy(NULL), ==, 0);
	rig_device_free(dev);
}

/* --- channels */

TEST(add_refuses_what_is_no_channel)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();

	CHECK_INT(dcp_chan_add(port, 63, 0, 0, 0), ==, -EINVAL);
	CHECK_INT(dcp_chan_add(port, -1, 0, 0, 0), ==, -EINVAL);
	CHECK_INT(dcp_chan_add(port, dev->id, FAKE_VCHANS, 0, 0), ==, -EINVAL);
	CHECK_INT(dcp_chan_add(port, dev->id, 0, 0, 2), ==, -EINVAL);
	rig_chan(port, dev, 0);
	CHECK_INT(dcp_chan_add(port, dev->id, 0, 0, 0), ==, -EEXIST);
	dcp_close(port);
	CHECK_INT(dcp_chan_add(port, dev->id, 1, 0, 0), ==, -ESHUTDOWN);
	rig_end(port);
	rig_device_free(dev);
}

TEST(device_without_copies_is_no_channel)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();

	dev->lacks = RTE_DMA_CAPA_OPS_COPY;
	CHECK_INT(dcp_chan_add(port, dev->id, 0, 0, 0), ==, -ENOTSUP);
	rig_end(port);
	rig_device_free(dev);
}

/* T17; the mutant: dev_find() takes the device of another port for a new one. */
TEST(device_belongs_to_one_port)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *one = rig_port(), *two = rig_port();
	uint16_t chan = rig_chan(one, dev, 0);

	CHECK_INT(dcp_chan_add(two, dev->id, 0, 0, 0), ==, -EBUSY);
	CHECK_INT(dcp_chan_add(two, dev->id, 1, 0, 0), ==, -EBUSY);
	CHECK_INT(dcp_chan_add(one, dev->id, 1, 0, 0), >=, 0);
	CHECK_INT(dcp_chan_del(one, chan, false, 0), ==, 0);
	CHECK_INT(dcp_chan_add(two, dev->id, 0, 0, 0), ==, -EBUSY);
	rig_end(one);
	CHECK_INT(dcp_chan_add(two, dev->id, 0, 0, 0), >=, 0);
	rig_end(two);
	rig_device_free(dev);
}

TEST(channels_are_bounded_and_places_free_again)
{
	struct dcp_conf conf = rig_conf();
	struct fake_dev *a = rig_device(32), *b = rig_device(32);
	struct dcp_port *port;
	uint16_t first, chan;

	conf.max_chans = 1;
	port = dcp_create(&conf);
	CHECK(port != NULL);
	first = rig_chan(port, a, 0);
	CHECK_INT(dcp_chan_add(port, a->id, 1, 0, 0), ==, -ENOSPC);
	CHECK_INT(dcp_chan_add(port, b->id, 0, 0, 0), ==, -ENOSPC);
	CHECK_INT(dcp_chan_del(port, first, false, 0), ==, 0);
	chan = rig_chan(port, b, 0);
	CHECK_INT(rig_issue(port, chan, 7, 1), ==, 1);
	rig_end(port);
	rig_device_free(a);
	rig_device_free(b);
}

/* T14: a record that is still on somebody's table is not taken for one of a newer channel. */
TEST(id_of_a_deleted_channel_is_not_that_of_its_place)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	uint16_t old = rig_chan(port, dev, 0), new;

	CHECK_INT(dcp_chan_del(port, old, false, 0), ==, 0);
	CHECK_INT(dcp_chan_del(port, old, false, 0), ==, -EINVAL);
	new = rig_chan(port, dev, 0);
	CHECK_INT(new, !=, old);
	CHECK_INT(rig_issue(port, old, 1, 1), ==, -EINVAL);
	CHECK_INT(rig_issue(port, DCP_CHAN_POST, 1, 1), ==, -EINVAL);
	for (int i = 0; i < 70000; i++) { /* once around all ids */
		CHECK_INT(dcp_chan_del(port, new, false, 0), ==, 0);
		new = rig_chan(port, dev, 0);
	}
	rig_end(port);
	rig_device_free(dev);
}

/* Ids go round behind 65534; DCP_CHAN_POST is none. */
TEST(key_outlives_the_last_of_all_ids)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_conf conf = rig_conf();
	struct dcp_port *port;
	int chan = -1;

	conf.max_chans = 1;
	port = dcp_create(&conf);
	CHECK(port != NULL);
	for (int i = 0; i < DCP_CHAN_POST; i++) {
		chan = dcp_chan_add(port, dev->id, 0, (uint64_t)i, 0);
		CHECK_INT(chan, ==, i);
		CHECK_INT(dcp_chan_del(port, (uint16_t)chan, false, 0), ==, 0);
	}
	CHECK_INT(dcp_chan_key(port, (uint16_t)chan), ==, chan);
	CHECK_INT(dcp_chan_add(port, dev->id, 0, 7, 0), ==, 0);
	CHECK_INT(dcp_chan_key(port, (uint16_t)chan), ==, 0);
	rig_end(port);
	rig_device_free(dev);
}

TEST(key_belongs_to_the_channel)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	int a = dcp_chan_add(port, dev->id, 0, 11, 0), b = dcp_chan_add(port, dev->id, 1, 22, 0);
	int c;

	CHECK_INT(dcp_chan_key(port, (uint16_t)a), ==, 11);
	CHECK_INT(dcp_chan_key(port, (uint16_t)b), ==, 22);
	CHECK_INT(dcp_chan_key(port, DCP_CHAN_POST), ==, 0);
	CHECK_INT(dcp_chan_del(port, (uint16_t)a, false, 0), ==, 0);
	CHECK_INT(dcp_chan_key(port, (uint16_t)a), ==, 11);
	c = dcp_chan_add(port, dev->id, 0, 33, 0);
	CHECK_INT(dcp_chan_key(port, (uint16_t)a), ==, 0);
	CHECK_INT(dcp_chan_key(port, (uint16_t)c), ==, 33);
	rig_end(port);
	rig_device_free(dev);
}

/* --- workers, statistics */

TEST(workers_are_bounded_and_refused_when_closed)
{
	struct dcp_conf conf = rig_conf();
	struct dcp_worker *w;
	struct dcp_port *port;

	conf.max_workers = 1;
	port = dcp_create(&conf);
	CHECK(port != NULL);
	CHECK(dcp_worker_add(port, 2) == NULL);
	CHECK_INT(rte_errno, ==, EINVAL);
	w = rig_worker(port, 0);
	CHECK(dcp_worker_add(port, 0) == NULL);
	CHECK_INT(rte_errno, ==, ENOSPC);
	dcp_worker_del(w);
	dcp_worker_del(NULL);
	w = rig_worker(port, 0);
	dcp_close(port);
	dcp_worker_del(w);
	CHECK(dcp_worker_add(port, 0) == NULL);
	CHECK_INT(rte_errno, ==, ESHUTDOWN);
	rig_end(port);
}

TEST(statistics_count_what_happened)
{
	struct fake_dev *dev = rig_device(32);
	struct dcp_port *port = rig_port();
	struct dcp_worker *w = rig_worker(port, 0);
	uint16_t chan = rig_chan(port, dev, 0);
	struct dcp_cpl cpl[64];
	struct dcp_stats st;

	dev->vchan[0].status[3] = RTE_DMA_STATUS_BUS_ERROR;
	CHECK_INT(rig_issue(port, chan, 0, 40), ==, 32);
	rig_post(port, 1);
	CHECK_INT(dcp_get(w, cpl, 64, 0), ==, 33);
	CHECK_INT(dcp_get(w, cpl, 64, 0), ==, -EAGAIN);
	CHECK_INT(dcp_stats(port, chan, &st), ==, 0);
	CHECK_INT(st.issued, ==, 32);
	CHECK_INT(st.ok, ==, 31);
	CHECK_INT(st.failed, ==, 1);
	CHECK_INT(st.aborted, ==, 0);
	CHECK_INT(st.full, ==, 1);
	CHECK_INT(st.max_depth, ==, 32);
	CHECK_INT(st.gets, ==, 0);
	CHECK_INT(dcp_chan_del(port, chan, false, 0), ==, 0);
	CHECK_INT(dcp_stats(port, chan, &st), ==, -EINVAL);
	dcp_worker_del(w);
	CHECK_INT(dcp_stats(port, DCP_CHAN_ALL, &st), ==, 0);
	CHECK_INT(st.ok, ==, 31);
	CHECK_INT(st.gets, ==, 2);
	CHECK_INT(st.empty_gets, ==, 1);
	CHECK_INT(st.posts, ==, 1);
	rig_end(port);
	rig_device_free(dev);
}

TEST_LIST

int
main(void)
{
	rig_init();
	return test_run_all("dcp_port") == 0 ? 0 : 1;
}
