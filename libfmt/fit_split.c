/* A model spread over several devices as llama.cpp does it. See <libfmt/fit.h>.
 *
 * The layers and, after them, the output are slots. The last -ngl of them are on devices, in order; what is before them is
 * computed by the CPU, and the token embedding is always there. */
#include <stdlib.h>

#include <libfmt/fit.h>

#include "ckd.h"

struct kept {
	uint64_t kv, state;
};

struct work {
	const struct fmt_parts *parts;
	const struct fmt_split_opts *o;
	struct kept *kept;                /* per layer */
	uint64_t compute, compute_output; /* of a device without, and with the output */
	uint64_t host;                    /* bytes that are the CPU's in any case: where scores are handed back */
};

void fmt_split_shares(const uint64_t *memory, size_t n_devices, uint64_t n_slots, uint64_t *counts)
{
	float upto[FMT_MAX_DEVICES], sum = 0;
	size_t d = 0;

	for (size_t i = 0; i < n_devices; i++) {
		sum += (float)memory[i];
		upto[i] = sum;
		counts[i] = 0;
	}
	for (uint64_t slot = 0; slot < n_slots; slot++) {
		while (d + 1 < n_devices && upto[d] / sum <= (float)slot / (float)n_slots)
			d++;
		counts[d]++;
	}
}

/* Sums past 64 bits stay at the top, where they fit nowhere. */
static void add(uint64_t *sum, uint64_t n)
{
	if (ckd_add(sum, *sum, n))
		*sum = UINT64_MAX;
}

static void add_total(struct fmt_place *p)
{
	p->total = p->weights;
	add(&p->total, p->kv);
	add(&p->total, p->state);
	add(&p->total, p->compute);
}

/* Layer i, with its experts or without. */
static void add_layer(const struct work *w, struct fmt_place *p, uint64_t i, bool experts)
{
	const struct fmt_layer_bytes *l = &w->parts->layers[i];

	add(&p->weights, l->dense);
	add(&p->weights, experts ? l->experts : 0);
	add(&p->weights, p->n_layers ? 0 : w->parts->tables);
	add(&p->kv, w->kept[i].kv);
	add(&p->state, w->kept[i].state);
	p->first = i;
	p->n_layers++;
}

/* One more slot in front of those that a device has. */
static void add_slot(const struct work *w, struct fmt_place *p, uint64_t slot, uint64_t cpu_experts, uint64_t staged)
{
	if (slot == w->parts->n_layers) {
		p->output = true;
		add(&p->weights, w->parts->output);
		add(&p->weights, w->parts->tied);
	} else {
		add_layer(w, p, slot, slot >= cpu_experts);
	}
	p->compute = p->output ? w->compute_output : w->compute;
	add(&p->compute, staged);
	add_total(p);
}

static bool holds(const struct work *w, size_t device, const struct fmt_place *p)
{
	uint64_t memory = w->o->memory[device], margin = w->o->margin[device];

	return p->total == 0 || (margin <= memory && p->total <= memory - margin);
}

/* The largest matrix of the layers that the CPU keeps. */
static uint64_t largest_on_cpu(const struct fmt_parts *p, uint64_t cpu_layers, uint64_t cpu_experts)
{
	uint64_t largest = 0;

	for (uint64_t i = 0; i < p->n_layers; i++) {
		uint64_t dense = i < cpu_layers ? p->layers[i].largest_dense : 0;
		uint64_t experts = i < cpu_layers || i < cpu_experts ? p->layers[i].largest_experts : 0;

		largest = dense > largest ? dense : largest;
		largest = experts > largest ? experts : largest;
	}
	return largest;
}

/* As llama.cpp does it without -ts. */
static bool place_by_shares(const struct work *w, struct fmt_split *s, uint64_t staged)
{
	uint64_t counts[FMT_MAX_DEVICES], slot = w->parts->n_layers + 1;
	bool ok = true;

	s->by_hand = false;
	fmt_split_shares(w->o->memory, s->n_devices, s->gpu_layers, counts);
	for (size_t d = s->n_devices; d-- > 0;) {
		s->devices[d] = (struct fmt_place){ .first = 0 };
		while (counts[d]-- > 0)
			add_slot(w, &s->devices[d], --slot, s->cpu_experts, d ? 0 : staged);
		ok = ok && holds(w, d, &s->devices[d]);
	}
	return ok;
}

/* From the last device to the first, each as full as it gets: if any way with these slots fits, this one does. */
static bool place_by_filling(const struct work *w, struct fmt_split *s, uint64_t staged)
{
	uint64_t slot = w->parts->n_layers + 1, left = s->gpu_layers;

	s->by_hand = true;
	for (size_t d = s->n_devices; d-- > 0;) {
		s->devices[d] = (struct fmt_place){ .first = 0 };
		while (left > 0) {
			struct fmt_place more = s->devices[d];

			add_slot(w, &more, slot - 1, s->cpu_experts, d ? 0 : staged);
			if (!holds(w, d, &more))
				break;
			s->devices[d] = more;
			slot--;
			left--;
		}
	}
	return left == 0;
}

static bool place(const struct work *w, struct fmt_split *s, uint64_t gpu_layers, uint64_t cpu_experts)
{
	uint64_t staged = largest_on_cpu(w->parts, w->parts->n_layers + 1 - gpu_layers, cpu_experts);

	s->gpu_layers = gpu_layers;
	s->cpu_experts = cpu_experts;
	return place_by_shares(w, s, staged) || (s->n_devices > 1 && place_by_filling(w, s, staged));
}

/* What no device has. */
static void place_rest(const struct work *w, struct fmt_split *s)
{
	const struct fmt_parts *p = w->parts;
	struct fmt_place *cpu = &s->cpu;
	uint64_t n_slots = p->n_layers + 1 - s->gpu_layers;

	*cpu = (struct fmt_place){ .weights = p->input, .output = s->gpu_layers == 0, .compute = w->host };
	for (uint64_t i = p->n_layers; i-- > 0;) {
		if (i < n_slots)
			add_layer(w, cpu, i, true);
		else if (i < s->cpu_experts)
			add(&cpu->weights, p->layers[i].experts);
	}
	if (cpu->output)
		add(&cpu->weights, p->output);
	if (cpu->weights > p->input)
		add(&cpu->compute, cpu->output ? w->compute_output : w->compute);
	add_total(cpu);
}

static bool has_experts(const struct fmt_parts *p)
{
	for (uint64_t i = 0; i < p->n_layers; i++)
		if (p->layers[i].experts)
			return true;
	return false;
}

/* Not all fits: experts to the CPU's memory, then layers. With no layer on a device everything has a place. */
static void move(const struct work *w, struct fmt_split *s)
{
	const struct fmt_parts *p = w->parts;
	uint64_t all = p->n_layers + 1, experts = s->cpu_experts;

	if (w->o->find_experts && has_experts(p)) {
		for (; experts < p->n_layers; experts++) /* one more layer's, if it has any */
			if (p->layers[experts].experts && place(w, s, all, experts + 1))
				return;
	}
	for (uint64_t n = all; n-- > 0;)
		if (place(w, s, n, experts))
			return;
}

/* What each layer keeps, which adds up to what all of them keep. */
static bool keep(const struct fmt_fit *f, struct kept *kept, struct fmt_err *err)
{
	struct fmt_runtime_opts o = f->runtime;
	struct fmt_estimate one = *f->e;

	fmt_runtime_fill(&o);
	one.n_layers = 1;
	for (uint64_t i = 0; i < f->e->n_layers; i++) {
		struct fmt_cache_opts c = { .keep = f->keep, .type = o.k_type, .context = o.context,
			                        .ubatch = o.swa_full ? o.context : o.ubatch, .sequences = o.sequences };

		one.layers = &f->e->layers[i];
		if (!fmt_estimate_cache(&one, &c, &kept[i].kv, &kept[i].state, err))
			return false;
	}
	return true;
}

static bool prepare(struct work *w, const struct fmt_fit *f, struct fmt_err *err)
{
	struct fmt_runtime_bytes all, inner;
	struct fmt_estimate no_output = *f->e;
	struct fmt_fit without = *f;

	if (!f->e->layers_known || !f->e->n_layers || w->parts->n_layers != f->e->n_layers)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "what this architecture's layers keep is not known here, so that they "
		                "cannot be spread over devices");
	no_output.vocab = 0;
	without.e = &no_output;
	if (!fmt_fit_beside(f, f->runtime.context, f->runtime.sequences, &all, err) ||
	    !fmt_fit_beside(&without, f->runtime.context, f->runtime.sequences, &inner, err))
		return false;
	w->compute = inner.compute;
	w->compute_output = all.compute;
	w->host = all.output;
	add(&w->host, all.other);
	w->kept = calloc((size_t)f->e->n_layers, sizeof *w->kept);
	if (!w->kept)
		return fmt_fail_nomem(err, f->e->n_layers * sizeof *w->kept);
	return keep(f, w->kept, err);
}

static bool in_64_bits(const struct fmt_split *s, struct fmt_err *err)
{
	bool ok = s->cpu.total != UINT64_MAX;

	for (size_t d = 0; d < s->n_devices; d++)
		ok = ok && s->devices[d].total != UINT64_MAX;
	return ok || fmt_fail(err, FMT_LIMIT, FMT_NO_OFFSET, "what a device takes does not fit into 64 bits");
}

/* Everything on the devices but the experts that are asked for elsewhere. */
static bool all_fits(const struct work *w, struct fmt_split *s)
{
	uint64_t n = w->parts->n_layers, experts = w->o->cpu_experts < n ? w->o->cpu_experts : n;

	return place(w, s, n + 1, experts);
}

bool fmt_split(const struct fmt_fit *f, const struct fmt_parts *p, const struct fmt_split_opts *o, struct fmt_split *s,
               struct fmt_err *err)
{
	struct work w = { .parts = p, .o = o };
	bool ok = prepare(&w, f, err);

	*s = (struct fmt_split){ .n_devices = o->n_devices };
	if (ok) {
		s->whole = all_fits(&w, s);
		if (!s->whole)
			move(&w, s);
		place_rest(&w, s);
		ok = in_64_bits(s, err);
	}
	free(w.kept);
	return ok;
}

static bool whole_at(const struct fmt_fit *f, const struct fmt_parts *p, const struct fmt_split_opts *o, uint64_t context)
{
	struct fmt_split s = { .n_devices = o->n_devices };
	struct work w = { .parts = p, .o = o };
	struct fmt_err ignored = { .code = FMT_OK };
	struct fmt_fit at = *f;
	bool ok;

	at.runtime.context = context;
	ok = prepare(&w, &at, &ignored) && all_fits(&w, &s);
	free(w.kept);
	return ok;
}

uint64_t fmt_split_context(const struct fmt_fit *f, const struct fmt_parts *p, const struct fmt_split_opts *o,
                           uint64_t most)
{
	uint64_t low, high;

	if (!most || !whole_at(f, p, o, 1))
		return 0;
	if (whole_at(f, p, o, most))
		return most;
	for (low = 1, high = most - 1; low < high;) {
		uint64_t mid = high - (high - low) / 2;

		if (whole_at(f, p, o, mid))
			low = mid;
		else
			high = mid - 1;
	}
	return low;
}
