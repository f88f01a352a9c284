/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "bench_common.h"
#include "bench_subject.h"

/* Fits no device. Drivers that register later are behind it in the list of the PCI bus. */
static struct rte_pci_driver watcher = {
	.driver = {.name = "bench_watcher"},
	.id_table = (const struct rte_pci_id[]){{.vendor_id = 0}},
};

void
bench_subject_watch(void)
{
	rte_pci_register(&watcher);
}

static struct rte_pci_driver *
find_driver(const char *name)
{
	struct rte_pci_driver *driver;

	for (driver = ioat_pci_driver_next(&watcher); driver != NULL;
	     driver = ioat_pci_driver_next(driver))
		if (strcmp(driver->driver.name, name) == 0)
			return driver;
	return NULL;
}

static int
probe(struct bench_subject *s, uint16_t nb_desc)
{
	int rc = bench_device_serve(&s->hw), served;

	if (rc < 0)
		return rc;
	rc = s->driver->probe(s->driver, &s->pci);
	s->dev_id = (int16_t)rte_dma_get_dev_id_by_name(s->pci.name);
	if (rc == 0)
		rc = s->dev_id < 0 ? -ENODEV : bench_start(s->dev_id, nb_desc);
	served = bench_device_rest(&s->hw);
	return rc < 0 ? rc : served;
}

int
bench_subject_open(struct bench_subject *s, const char *label, const char *driver,
                   unsigned int function, uint16_t nb_desc)
{
	int rc;

	memset(s, 0, sizeof(*s));
	s->label = label;
	s->dev_id = -1;
	s->driver = find_driver(driver);
	if (s->driver == NULL)
		return -ENOENT;
	rc = bench_device_open(&s->hw);
	if (rc < 0)
		return rc;
	s->pci.addr.function = (uint8_t)function;
	rte_pci_device_name(&s->pci.addr, s->pci.name, sizeof(s->pci.name));
	s->pci.device.name = s->pci.name;
	s->pci.device.numa_node = SOCKET_ID_ANY;
	ioat_pci_device_bind(&s->pci, s->driver);
	s->pci.id.vendor_id = IOAT_PCI_VENDOR_INTEL;
	s->pci.id.device_id = IOAT_DEV_ICX;
	s->pci.mem_resource[0].addr = s->hw.bar;
	s->pci.mem_resource[0].len = IOAT_BAR_SIZE;
	rc = probe(s, nb_desc);
	if (rc < 0)
		bench_subject_close(s);
	return rc;
}

static int
floor_copy(void *dev_private, uint16_t vchan, rte_iova_t src, rte_iova_t dst, uint32_t length,
           uint64_t flags)
{
	RTE_SET_USED(dev_private);
	RTE_SET_USED(vchan);
	RTE_SET_USED(src);
	RTE_SET_USED(dst);
	RTE_SET_USED(length);
	RTE_SET_USED(flags);
	return 0;
}

static int
floor_submit(void *dev_private, uint16_t vchan)
{
	RTE_SET_USED(dev_private);
	RTE_SET_USED(vchan);
	return 0;
}

static uint16_t
floor_completed(void *dev_private, uint16_t vchan, const uint16_t max, uint16_t *last_idx,
                bool *has_error)
{
	RTE_SET_USED(dev_private);
	RTE_SET_USED(vchan);
	RTE_SET_USED(last_idx);
	RTE_SET_USED(has_error);
	return max;
}

int
bench_subject_open_floor(struct bench_subject *s)
{
	struct rte_dma_dev *dev;

	memset(s, 0, sizeof(*s));
	s->label = "floor";
	s->floor = true;
	s->dev_id = -1;
	dev = rte_dma_pmd_allocate("bench_floor", SOCKET_ID_ANY, RTE_CACHE_LINE_SIZE);
	if (dev == NULL)
		return -ENOMEM;
	dev->fp_obj->dev_private = dev->data->dev_private;
	dev->fp_obj->copy = floor_copy;
	dev->fp_obj->submit = floor_submit;
	dev->fp_obj->completed = floor_completed;
	/* Not READY: there is no device to configure or close, only a row of the function table. */
	s->dev_id = dev->data->dev_id;
	return 0;
}

/*
 * Drivers poll the state for a few microseconds after they asked for a suspension, which is not
 * enough for a thread that shares its processor: the channel is suspended before they ask.
 */
static int
stop(struct bench_subject *s)
{
	int rc = 0, served;

	bench_device_suspend(&s->hw);
	rc = bench_device_serve(&s->hw);
	if (rc < 0)
		return rc;
	rc = rte_dma_stop(s->dev_id);
	if (rc == 0)
		rc = rte_dma_close(s->dev_id);
	served = bench_device_rest(&s->hw);
	return rc < 0 ? rc : served;
}

int
bench_subject_close(struct bench_subject *s)
{
	int rc = 0;

	if (s->floor)
		return s->dev_id < 0 ? 0 : rte_dma_pmd_release("bench_floor");
	if (s->dev_id >= 0)
		rc = stop(s);
	if (rc == 0)
		bench_device_close(&s->hw);
	return rc;
}
