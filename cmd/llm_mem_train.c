/* llm-mem --train: what training takes on each device. */
#include <inttypes.h>
#include <string.h>

#include "llm_mem.h"

#define BAR 10 /* characters of a share of 100% */

static bool bad_word(struct fmt_err *err, const char *option, const char *word, const char *known)
{
	return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "unknown word '%s' for --%s; known are %s", word, option, known);
}

static bool parse_precision(struct mem_train *t, struct fmt_err *err)
{
	if (!strcmp(t->precision, "bf16"))
		t->o.precision = FMT_BF16;
	else if (!strcmp(t->precision, "fp16"))
		t->o.precision = FMT_F16;
	else if (!strcmp(t->precision, "fp32"))
		t->o.precision = FMT_F32;
	else
		return bad_word(err, "precision", t->precision, "bf16, fp16, fp32");
	t->o.float_gradients = !strcmp(t->gradients, "fp32");
	if (!t->o.float_gradients && strcmp(t->gradients, "same"))
		return bad_word(err, "gradients", t->gradients, "same, fp32");
	t->o.eager = !strcmp(t->attention, "eager");
	return t->o.eager || !strcmp(t->attention, "flash") || bad_word(err, "attention", t->attention, "flash, eager");
}

/* The stages of ZeRO, and FSDP's names for some of them. */
static bool parse_division(struct mem_train *t, struct fmt_err *err)
{
	static const struct {
		const char *name;
		unsigned stage;
	} fsdp[] = { { "no", 0 }, { "grad-op", 2 }, { "full", 3 } };

	if (t->zero > 3)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--zero: there are the stages 0, 1, 2 and 3");
	t->o.zero = (unsigned)t->zero;
	if (!t->fsdp)
		return true;
	if (t->zero_given)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--zero or --fsdp, not both");
	for (size_t i = 0; i < sizeof fsdp / sizeof *fsdp; i++) {
		if (strcmp(fsdp[i].name, t->fsdp))
			continue;
		t->o.zero = fsdp[i].stage;
		return true;
	}
	return bad_word(err, "fsdp", t->fsdp, "full, grad-op, no");
}

static bool parse_offload(struct mem_train *t, struct fmt_err *err)
{
	static const char *const words[] = { "optimizer", "params", "optimizer,params", "params,optimizer" };
	size_t i = 0;

	if (!t->offload)
		return true;
	while (i < 4 && strcmp(words[i], t->offload))
		i++;
	t->o.offload_optimizer = i != 1;
	t->o.offload_params = i != 0;
	return i < 4 || bad_word(err, "offload", t->offload, "optimizer, params, or both");
}

bool mem_train_options(struct mem_train *t, struct fmt_err *err)
{
	if (!t->kind)
		return true;
	t->o = (struct fmt_train_opts){
		.devices = t->devices, .micro_batch = t->micro_batch, .seq = t->seq, .rank = t->rank, .targets = t->targets,
	};
	if (!fmt_train_kind_from_name(t->kind, &t->o.kind))
		return bad_word(err, "train", t->kind, "full, lora, qlora");
	if (!fmt_optimizer_from_name(t->optimizer, &t->o.optimizer))
		return bad_word(err, "optimizer", t->optimizer,
		                "adamw, adamw8bit, paged-adamw8bit, sgd, sgd-momentum, adafactor, lion, muon");
	if (!fmt_checkpointing_from_name(t->checkpointing, &t->o.checkpointing))
		return bad_word(err, "checkpointing", t->checkpointing, "none, full, selective");
	return parse_precision(t, err) && parse_division(t, err) && parse_offload(t, err);
}

bool mem_train(struct mem_report *r, struct fmt_err *err)
{
	return !r->train.kind || fmt_train(&r->e, r->view, &r->train.o, &r->train.bytes, err);
}

bool mem_train_fits(const struct mem_report *r)
{
	return r->train.bytes.device_total <= r->fit;
}

/* What a part is made of, in the words of the options. */
static void describe(const struct mem_train *t, enum fmt_train_part p, char *text, size_t size)
{
	const struct fmt_train_opts *o = &t->o;
	const char *type = o->precision == FMT_F32 ? "float32" : o->precision == FMT_BF16 ? "bfloat16" : "float16";
	char count[32];

	switch (p) {
	case FMT_TRAIN_WEIGHTS:
		snprintf(text, size, "%s%s", o->kind == FMT_TRAIN_QLORA ? "NF4 in layers, else " : "", type);
		break;
	case FMT_TRAIN_ADAPTERS:
		snprintf(text, size, "float32, rank %" PRIu64 ", %" PRIu64 " of them", o->rank, t->bytes.n_adapters);
		break;
	case FMT_TRAIN_GRADIENTS:
		snprintf(text, size, "%s", o->kind != FMT_TRAIN_FULL || o->float_gradients ? "float32" : type);
		break;
	case FMT_TRAIN_MASTER:
		snprintf(text, size, "float32, for the optimizer");
		break;
	case FMT_TRAIN_STATES:
		snprintf(text, size, "%s", fmt_optimizer_name(o->optimizer));
		break;
	case FMT_TRAIN_WORKING:
		snprintf(text, size, "%s", o->kind == FMT_TRAIN_QLORA ? "a matrix, 16 bits again" : "largest layer, gathered");
		break;
	case FMT_TRAIN_ACTIVATIONS:
		snprintf(text, size, "%s bytes per token", cli_thousands(t->bytes.device[p] / (o->micro_batch * o->seq), count));
		break;
	case FMT_TRAIN_LOGITS:
		snprintf(text, size, "float32, and their gradient");
		break;
	default:
		snprintf(text, size, "?");
	}
}

static void part_line(const struct mem_train *t, enum fmt_train_part p)
{
	const struct fmt_train *b = &t->bytes;
	double part = b->device_total ? (double)b->device[p] / (double)b->device_total : 0;
	char text[64], bytes[32], bar[BAR + 1];
	int n = (int)(part * BAR + 0.5);

	describe(t, p, text, sizeof text);
	memset(bar, '#', (size_t)n);
	bar[n] = 0;
	printf("  %-16s %10s  %5.1f%%  %-*s %s\n", fmt_train_part_name(p), cli_bytes(b->device[p], bytes),
	       100 * part, BAR, bar, text);
}

/* What the figures rest on, in words. */
static void assumptions(const struct mem_train *t)
{
	char text[300];

	snprintf(text, sizeof text,
	         "assumed: autograd in transformers' own modules, no dropout, no fused norms or loss; "
	         "%sno room for fragments, communication or the libraries themselves",
	         t->o.kind == FMT_TRAIN_FULL ? "" : "inputs of matrices without an adapter are saved too; ");
	putchar('\n');
	cli_print_wrapped(stdout, text, 0, 0);
	if (t->o.optimizer == FMT_OPT_ADAMW_8BIT_PAGED)
		printf("paged: the optimizer's states may move to the host when memory is short\n");
}

void mem_train_text(const struct mem_report *r)
{
	const struct mem_train *t = &r->train;
	const struct fmt_train *b = &t->bytes;
	char text[32], missing[32];

	cli_print_str(stdout, (struct fmt_str){ r->path, strlen(r->path) });
	printf("  ");
	cli_print_str(stdout, r->view->arch_name);
	printf("\n\ntraining (%s) %s of ", t->kind, cli_thousands(b->trainable, text));
	printf("%s parameters, each of %" PRIu64 " device%s", cli_thousands(r->e.total, text), t->o.devices,
	       t->o.devices == 1 ? "" : "s");
	if (t->fsdp)
		printf(", FSDP: %s", t->fsdp);
	else if (t->o.zero)
		printf(", ZeRO stage %u", t->o.zero);
	printf("\n%" PRIu64 " x %" PRIu64 " tokens on each, %s, checkpoints: %s\n\n", t->o.micro_batch, t->o.seq,
	       t->o.eager ? "scores of attention stored" : "flash attention", fmt_checkpointing_name(t->o.checkpointing));
	for (int p = 0; p < FMT_TRAIN_PART_COUNT; p++)
		if (b->device[p])
			part_line(t, (enum fmt_train_part)p);
	printf("  %-16s %10s\n", "together", cli_bytes(b->device_total, text));
	if (b->host_total)
		printf("  %-16s %10s  in the host's memory, of all devices\n", "offloaded", cli_bytes(b->host_total, text));
	if (!b->activations_known)
		printf("  activations are not known: the architecture is not described here\n");
	assumptions(t);
	if (r->fit && mem_train_fits(r))
		printf("\n%s: fits\n", cli_bytes(r->fit, text));
	else if (r->fit)
		printf("\n%s: does not fit, %s too large\n", cli_bytes(r->fit, text), cli_bytes(b->device_total - r->fit, missing));
}

static void parts(struct cli_json *j, const char *key, const uint64_t *bytes, uint64_t total)
{
	cli_json_object(j, key);
	for (int p = 0; p < FMT_TRAIN_PART_COUNT; p++)
		cli_json_u64(j, fmt_train_part_name((enum fmt_train_part)p), bytes[p]);
	cli_json_u64(j, "total", total);
	cli_json_close(j, '}');
}

void mem_train_json(struct cli_json *j, const struct mem_report *r)
{
	const struct mem_train *t = &r->train;

	if (!t->kind)
		return;
	cli_json_object(j, "training");
	cli_json_cstr(j, "kind", t->kind);
	cli_json_cstr(j, "optimizer", t->optimizer);
	cli_json_cstr(j, "precision", t->precision);
	cli_json_cstr(j, "attention", t->attention);
	cli_json_cstr(j, "checkpointing", t->checkpointing);
	cli_json_u64(j, "zero_stage", t->o.zero);
	cli_json_u64(j, "devices", t->o.devices);
	cli_json_u64(j, "micro_batch", t->o.micro_batch);
	cli_json_u64(j, "sequence", t->o.seq);
	if (t->o.kind != FMT_TRAIN_FULL) {
		cli_json_u64(j, "rank", t->o.rank);
		cli_json_u64(j, "adapters", t->bytes.n_adapters);
	}
	cli_json_u64(j, "trainable", t->bytes.trainable);
	cli_json_bool(j, "activations_known", t->bytes.activations_known);
	parts(j, "device_bytes", t->bytes.device, t->bytes.device_total);
	parts(j, "host_bytes", t->bytes.host, t->bytes.host_total);
	if (r->fit)
		cli_json_bool(j, "fits", mem_train_fits(r));
	cli_json_close(j, '}');
}
