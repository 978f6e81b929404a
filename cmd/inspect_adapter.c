/* gguf-inspect on LoRA adapters: their ranks, and which modules they change, by the names that PEFT and llama.cpp give tensors. */
#include <inttypes.h>
#include <string.h>

#include "inspect.h"

/* The name of a module of which this is one half: "blk.0.attn_q" of "blk.0.attn_q.weight.lora_a", "...q_proj" of
 * "...q_proj.lora_A.weight"; false for other tensors. */
static bool module_of(const struct inspect_tensor *t, struct fmt_str *module, uint64_t *rank)
{
	static const char *const ends[] = { ".weight.lora_b", ".lora_B.weight", ".lora_B.default.weight", ".lora_embedding_B" };

	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		if (!fmt_str_ends(t->name, ends[i]) || t->n_dims < 2)
			continue;
		*module = (struct fmt_str){ t->name.p, t->name.n - strlen(ends[i]) };
		*rank = t->dims[t->n_dims - 1];
		return true;
	}
	return false;
}

/* What is behind the last dot: "attn_q". */
static struct fmt_str last_part(struct fmt_str module)
{
	size_t n = module.n;

	while (n && module.p[n - 1] != '.')
		n--;
	return (struct fmt_str){ module.p + n, module.n - n };
}

static void add_target(struct inspect_adapter *a, struct fmt_str target)
{
	for (size_t i = 0; i < a->n_targets; i++)
		if (fmt_str_eq(a->targets[i], target))
			return;
	if (a->n_targets < INSPECT_MAX_TARGETS)
		a->targets[a->n_targets++] = target;
}

bool inspect_adapter_of(const struct inspect *in, struct inspect_adapter *a)
{
	const struct fmt_value *alpha = inspect_get(in, "adapter.lora.alpha");
	struct fmt_str module;
	uint64_t rank;

	*a = (struct inspect_adapter){ .min_rank = UINT64_MAX };
	for (uint64_t i = 0; i < in->n_tensors; i++) {
		if (!module_of(&in->tensors[i], &module, &rank))
			continue;
		a->n_modules++;
		a->min_rank = rank < a->min_rank ? rank : a->min_rank;
		a->max_rank = rank > a->max_rank ? rank : a->max_rank;
		add_target(a, last_part(module));
	}
	if (alpha && alpha->type == FMT_KV_F32)
		a->alpha = alpha->as.f;
	return a->n_modules != 0;
}

void inspect_adapter_line(const struct inspect *in)
{
	struct inspect_adapter a;

	if (!inspect_adapter_of(in, &a))
		return;
	printf("  %-14srank %" PRIu64, "adapter", a.min_rank);
	if (a.max_rank != a.min_rank)
		printf(" to %" PRIu64, a.max_rank);
	if (a.alpha != 0)
		printf(", alpha %g", a.alpha);
	printf(", of %" PRIu64 " matrices:", a.n_modules);
	for (size_t i = 0; i < a.n_targets; i++) {
		fputs(i ? ", " : " ", stdout);
		cli_print_str(stdout, a.targets[i]);
	}
	putchar('\n');
}

void inspect_adapter_json(struct cli_json *j, const struct inspect *in)
{
	struct inspect_adapter a;

	if (!inspect_adapter_of(in, &a))
		return;
	cli_json_object(j, "adapter");
	cli_json_u64(j, "rank_min", a.min_rank);
	cli_json_u64(j, "rank_max", a.max_rank);
	if (a.alpha != 0)
		cli_json_f64(j, "alpha", a.alpha);
	cli_json_u64(j, "matrices", a.n_modules);
	cli_json_array(j, "targets");
	for (size_t i = 0; i < a.n_targets; i++)
		cli_json_str(j, NULL, a.targets[i]);
	cli_json_close(j, ']');
	cli_json_close(j, '}');
}
