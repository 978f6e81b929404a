/* For --explain: what a token moves, of --bandwidth, and the parts of --train. */
#include <inttypes.h>

#include "llm_mem_figures.h"

/* The same, in bytes. */
static void in_bytes(struct figures *x)
{
	if (!x->no_memory)
		x->list[x->n - 1].bytes = true;
}

bool figures_speed(struct figures *x, struct fmt_err *err)
{
	const struct mem_report *r = x->r;

	if (!(r->speed.bandwidth > 0) || !r->e.layers_known)
		return true;
	for (size_t w = 0; w < r->n_weights; w++)
		for (size_t i = 0; i < r->n_contexts; i++) {
			struct fmt_cache_opts o = r->cache;
			struct fmt_step s = { .total = 0 };
			char name[80], title[64], context[32];

			o.context = r->contexts[i];
			if (!fmt_speed_step(&r->e, r->weights[w].token_bytes, &o, &s, err))
				return false;
			snprintf(name, sizeof name, "speed.generating.%s.%" PRIu64 ".total_bytes", r->weights[w].name, o.context);
			snprintf(title, sizeof title, "a token moves, %s, %s before it", r->weights[w].name, cli_thousands(o.context, context));
			figures_add(x, name, title, s.total, "%" PRIu64 " of weights + %" PRIu64 " of cache + %" PRIu64 " of state",
			            s.weights, s.cache, s.state);
			in_bytes(x);
		}
	return true;
}

/* So many bytes for each of n elements, divided among the devices from a stage of ZeRO on; a part that is not on them is
 * left out. */
static void states(struct figures *x, enum fmt_train_part p, uint64_t n, const char *what, unsigned size,
                   unsigned divided_from)
{
	const struct fmt_train_opts *o = &x->r->train.o;
	uint64_t value = x->r->train.bytes.device[p];
	char name[80], title[64];

	if (!value)
		return;
	snprintf(name, sizeof name, "training.device_bytes.%s", fmt_train_part_name(p));
	snprintf(title, sizeof title, "training, %s", fmt_train_part_name(p));
	if (o->zero < divided_from || o->devices == 1)
		figures_add(x, name, title, value, "%" PRIu64 " %s x %u bytes", n, what, size);
	else /* rounded up: what it is more does not overflow, since it is less than a byte for each device */
		figures_add(x, name, title, value, "(%" PRIu64 " %s x %u bytes + %" PRIu64 " to round up) / %" PRIu64 " devices", n, what,
		            size, value * o->devices - n * size, o->devices);
	in_bytes(x);
}

/* What grows with the tokens of a step. */
static void of_tokens(struct figures *x, enum fmt_train_part p)
{
	const struct fmt_train_opts *o = &x->r->train.o;
	uint64_t value = x->r->train.bytes.device[p], tokens = o->micro_batch * o->seq;
	char name[80], title[64];

	if (!value || value % tokens)
		return;
	snprintf(name, sizeof name, "training.device_bytes.%s", fmt_train_part_name(p));
	snprintf(title, sizeof title, "training, %s", fmt_train_part_name(p));
	figures_add(x, name, title, value, "%" PRIu64 " bytes per token x %" PRIu64 " sequence%s x %" PRIu64 " tokens",
	            value / tokens, o->micro_batch, o->micro_batch == 1 ? "" : "s", o->seq);
	in_bytes(x);
}

static void together(struct figures *x)
{
	const struct fmt_train *b = &x->r->train.bytes;
	char sum[512] = "0";
	size_t n = 0;

	for (int p = 0; p < FMT_TRAIN_PART_COUNT && n < sizeof sum; p++)
		if (b->device[p])
			n += (size_t)snprintf(sum + n, sizeof sum - n, "%s%" PRIu64 " %s", n ? " + " : "", b->device[p],
			                      fmt_train_part_name((enum fmt_train_part)p));
	figures_add(x, "training.device_bytes.total", "training, on each device", b->device_total, "%s", sum);
	in_bytes(x);
}

/* Bytes of the optimizer's state per element, where they are the same for each; 0: they are not. */
static unsigned state_size(enum fmt_optimizer o)
{
	return o == FMT_OPT_ADAMW ? 8 : o == FMT_OPT_LION || o == FMT_OPT_SGD_MOMENTUM ? 4 : 0;
}

void figures_training(struct figures *x)
{
	const struct mem_train *t = &x->r->train;
	const struct fmt_train_opts *o = &t->o;
	bool full = o->kind == FMT_TRAIN_FULL, mixed = o->precision != FMT_F32;

	if (!t->kind)
		return;
	if (full)
		figures_add(x, "training.trainable", "trained", t->bytes.trainable, "%" PRIu64 " parameters", x->r->e.total);
	else
		figures_add(x, "training.trainable", "trained", t->bytes.trainable,
		            "%" PRIu64 " as rank x %" PRIu64 " rows and columns", o->rank, t->bytes.trainable / o->rank);
	if (o->kind != FMT_TRAIN_QLORA)
		states(x, FMT_TRAIN_WEIGHTS, x->r->e.total, "parameters", mixed ? 2 : 4, 3);
	states(x, FMT_TRAIN_ADAPTERS, t->bytes.trainable, "trained", 4, 3);
	states(x, FMT_TRAIN_GRADIENTS, t->bytes.trainable, "trained", full && mixed && !o->float_gradients ? 2 : 4, 2);
	states(x, FMT_TRAIN_MASTER, t->bytes.trainable, "trained", 4, 1);
	if (state_size(o->optimizer))
		states(x, FMT_TRAIN_STATES, t->bytes.trainable, "trained", state_size(o->optimizer), 1);
	of_tokens(x, FMT_TRAIN_ACTIVATIONS);
	of_tokens(x, FMT_TRAIN_LOGITS);
	together(x);
}
