/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright(c) 2026 The ioat-pmd authors
 */

#include "app.h"

#include <errno.h>
#include <inttypes.h>

#include "log.h"

/* The lcore that owns copier @p i. */
static const struct lcore *
app_copier_lcore(const struct app *app, uint16_t i)
{
	const struct lcore *lc = app->loops;

	while (lc->copiers + lc->nb_copiers <= app->copiers + i)
		lc++;
	return lc;
}

void
app_print_map(FILE *out, const struct app *app)
{
	for (uint16_t i = 0; i < app->nb_ports; i++) {
		const struct port *p = &app->ports[i];
		const struct port *peer = &app->ports[map_peer(i, app->nb_ports)];

		fprintf(out, "port %u (%s) forwards to port %u (%s)\n", p->id, p->name, peer->id,
		        peer->name);
	}
	for (uint16_t i = 0; i < app->nb_streams; i++) {
		const struct map_stream *ms = &app->map[i];
		const struct copier *c = app->streams[i].copier;

		fprintf(out, "port %u queue %u to port %u queue %u: lcore %u, copies by ",
		        ms->rx_port, ms->rx_queue, ms->tx_port, ms->tx_queue,
		        app->lcores[ms->lcore].id);
		if (c->dev_id >= 0)
			fprintf(out, "DMA device %d (%s)\n", c->dev_id, c->name);
		else
			fprintf(out, "%s\n", c->name);
	}
	fflush(out);
}

/* The mean over the channels that serve port @p id; a channel may serve other ports as well. */
static double
app_port_batch(const struct app *app, uint16_t id)
{
	uint64_t operations = 0, submits = 0;

	for (uint16_t c = 0; c < app->nb_copiers; c++) {
		for (uint16_t i = 0; i < app->nb_streams; i++) {
			if (app->streams[i].rx_port != id ||
			    app->streams[i].copier != app->copiers[c])
				continue;
			operations += counter_get(&app->copiers[c]->count.operations);
			submits += counter_get(&app->copiers[c]->count.submits);
			break;
		}
	}
	return submits != 0 ? (double)operations / (double)submits : 0.0;
}

static void
app_print_port(FILE *out, const struct app *app, uint16_t i, struct stats_sum *total)
{
	const struct port *p = &app->ports[i];
	struct stats_sum sum = {0};
	char prefix[32];

	for (uint16_t s = 0; s < app->nb_streams; s++) {
		if (app->streams[s].rx_port != p->id)
			continue;
		stats_add_stream(&sum, &app->streams[s].count);
		stats_add_stream(total, &app->streams[s].count);
	}
	snprintf(prefix, sizeof(prefix), "port %u", p->id);
	fprintf(out, "port %u device: %s\n", p->id, p->name);
	fprintf(out, "port %u forwards to port: %u\n", p->id,
	        app->ports[map_peer(i, app->nb_ports)].id);
	stats_print_sum(out, prefix, &sum);
	fprintf(out, "port %u mean DMA batch: %.2f\n", p->id, app_port_batch(app, p->id));
	port_print_stats(out, p);
}

int
app_print_stats(FILE *out, const struct app *app, const char *title)
{
	struct stats_sum total = {0};
	char prefix[32];

	fprintf(out, "\n==== dmafwd statistics, %s ====\n", title);
	fprintf(out, "copy type: %s\n", app->copiers[0]->ops->name);
	fprintf(out, "mac updating: %s\n", app->cfg.mac_updating ? "on" : "off");
	for (uint16_t i = 0; i < app->nb_ports; i++)
		app_print_port(out, app, i, &total);
	for (uint16_t i = 0; i < app->nb_copiers; i++) {
		const struct copier *c = app->copiers[i];

		if (c->dev_id < 0)
			continue;
		snprintf(prefix, sizeof(prefix), "dma %d", c->dev_id);
		fprintf(out, "%s device: %s\n", prefix, c->name);
		fprintf(out, "%s lcore: %u\n", prefix, app_copier_lcore(app, i)->id);
		stats_print_channel(out, prefix, &c->count);
	}
	stats_print_sum(out, "total", &total);
	fprintf(out, "==== end ====\n");
	errno = 0;
	if (fflush(out) == 0 && ferror(out) == 0)
		return 0;
	FWD_LOG(ERR, "statistics are lost, the output cannot be written: %s",
	        errno != 0 ? rte_strerror(errno) : "an earlier write failed");
	return -EIO;
}

bool
app_is_at_rest(struct app *app)
{
	uint64_t before = app->received;
	struct stats_sum sum = {0};

	for (uint16_t i = 0; i < app->nb_streams; i++)
		stats_add_stream(&sum, &app->streams[i].count);
	app->received = sum.received;
	/* A stream that waits for a device or a port may receive nothing meanwhile. */
	return sum.received == before && stats_in_flight(&sum) == 0;
}

bool
app_has_looked(struct app *app)
{
	for (uint16_t l = 0; l < app->nb_lcores; l++) {
		const struct lcore *lc = &app->loops[l];

		/* The first round that has ended since may have begun before. */
		if (lc->nb_streams != 0 && counter_get(&lc->rounds) - lc->seen < 2)
			return false;
	}
	for (uint16_t l = 0; l < app->nb_lcores; l++)
		app->loops[l].seen = counter_get(&app->loops[l].rounds);
	return true;
}

void
app_report_faults(struct app *app)
{
	for (uint16_t i = 0; i < app->nb_copiers; i++) {
		const struct copier *c = app->copiers[i];
		int fault = atomic_load_explicit(&c->count.fault, memory_order_relaxed);

		if (fault == 0 || app->faults_told[i])
			continue;
		app->faults_told[i] = true;
		FWD_LOG(ERR, "DMA device %d (%s) failed, the CPU copies from now on: %s", c->dev_id,
		        c->name, rte_strerror(-fault));
	}
}
