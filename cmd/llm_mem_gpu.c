/* llm-mem --gpu: a model spread over cards as llama.cpp does it, and the options that follow. */
#include <inttypes.h>
#include <string.h>

#include <libfmt/cards.h>

#include "llm_mem.h"

/* A device with less is a size without its unit. */
#define LEAST (UINT64_C(1) << 20)

/* "8x": how many of what follows; 1 where nothing says so. Names begin with a letter, and sizes have no x. */
static uint64_t count(const char **text)
{
	uint64_t n = 0;
	const char *p = *text;

	for (; *p >= '0' && *p <= '9' && n <= FMT_MAX_DEVICES; p++)
		n = 10 * n + (uint64_t)(*p - '0');
	if (p == *text || (*p != 'x' && *p != 'X'))
		return 1;
	*text = p + 1;
	return n;
}

static bool add_cards(struct mem_cards *c, const char *word, const uint64_t *margin, struct fmt_err *err)
{
	const char *one = word;
	uint64_t n = count(&one), memory = 0;
	const struct fmt_card *card = fmt_card_find(one, strlen(one));

	if (n == 0 || (!card && !cli_size(one, &memory)))
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--gpu: '%s' is neither a size (24G) nor a card's name (--gpu list)", word);
	memory = card ? card->usable : memory;
	if (memory < LEAST)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--gpu: '%s' is no more than %" PRIu64 " bytes; a size has a unit, as 24G",
		                word, memory);
	for (; n > 0; n--) {
		size_t d = c->o.n_devices;

		if (d == FMT_MAX_DEVICES)
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--gpu: at most %d devices, as llama.cpp has it", FMT_MAX_DEVICES);
		snprintf(c->name[d], sizeof c->name[d], "%s", one);
		c->o.memory[d] = memory;
		c->o.margin[d] = margin ? *margin : fmt_fit_margin(memory);
		if (c->o.margin[d] >= memory)
			return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--margin: nothing is left of '%s'", one);
		c->o.n_devices++;
	}
	return true;
}

bool mem_cards_parse(struct mem_cards *c, const char *text, const uint64_t *margin, struct fmt_err *err)
{
	for (const char *p = text;; p++) {
		size_t n = strcspn(p, ",");
		char word[MEM_CARD_NAME];

		snprintf(word, sizeof word, "%.*s", (int)(n < sizeof word ? n : sizeof word), p);
		if (!add_cards(c, word, margin, err))
			return false;
		p += n;
		if (!*p)
			return true;
	}
}

void mem_cards_list(const struct cli_program *p)
{
	size_t n = 0;
	const struct fmt_card *cards = fmt_card_list(&n);
	struct cli_json j;

	if (!p->json) {
		printf("%-16s %-33s %8s %8s %6s\n", "name", "card", "usable", "GB/s", "TFLOPS");
		for (size_t i = 0; i < n; i++)
			printf("%-16s %-33s %4" PRIu64 " MiB %8.0f %6.0f\n", cards[i].name, cards[i].title, cards[i].usable >> 20,
			       cards[i].bandwidth, cards[i].tflops);
		return;
	}
	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	cli_json_array(&j, "cards");
	for (size_t i = 0; i < n; i++) {
		cli_json_object(&j, NULL);
		cli_json_cstr(&j, "name", cards[i].name);
		cli_json_cstr(&j, "title", cards[i].title);
		cli_json_u64(&j, "nominal_bytes", cards[i].nominal);
		cli_json_u64(&j, "usable_bytes", cards[i].usable);
		cli_json_f64(&j, "gb_per_second", cards[i].bandwidth);
		cli_json_f64(&j, "tflops", cards[i].tflops);
		cli_json_close(&j, '}');
	}
	cli_json_close(&j, ']');
	cli_json_close(&j, '}');
	cli_json_end(&j);
}

bool mem_gpu(struct mem_report *r, struct fmt_err *err)
{
	struct fmt_cache_opts o = r->cache;
	struct fmt_fit f;

	if (r->cards.o.cpu_experts && !r->e.n_experts)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--cpu-moe, --n-cpu-moe: this model has no experts");
	o.context = r->fit_context;
	f = mem_question(r, &o);
	for (size_t i = 0; i < r->n_weights; i++) {
		struct mem_weights *w = &r->weights[i];

		if (!fmt_split(&f, &w->parts, &r->cards.o, &w->split, err))
			return false;
		w->ok = w->split.whole;
		w->fits = fmt_split_context(&f, &w->parts, &r->cards.o, mem_most_context(r));
		if (w->ok && (!r->best || w->tensor_bytes > r->best->tensor_bytes))
			r->best = w;
	}
	return true;
}

/* The one whose devices are shown: the best, or where none is whole the smallest. */
static const struct mem_weights *shown(const struct mem_report *r)
{
	const struct mem_weights *w = r->best ? r->best : &r->weights[0];

	for (size_t i = 0; !r->best && i < r->n_weights; i++)
		if (r->weights[i].tensor_bytes < w->tensor_bytes)
			w = &r->weights[i];
	return w;
}

/* "-ngl 33 --n-cpu-moe 12 -ts 20,13": what llama.cpp is to be told. */
static void options(const struct mem_weights *w, char *text, size_t size)
{
	const struct fmt_split *s = &w->split;
	int n = snprintf(text, size, "-ngl %" PRIu64, s->gpu_layers);

	if (s->cpu_experts == w->parts.n_layers)
		n += snprintf(text + n, size - (size_t)n, " --cpu-moe");
	else if (s->cpu_experts)
		n += snprintf(text + n, size - (size_t)n, " --n-cpu-moe %" PRIu64, s->cpu_experts);
	for (size_t d = 0; s->by_hand && d < s->n_devices; d++)
		n += snprintf(text + n, size - (size_t)n, "%s%" PRIu64, d ? "," : " -ts ",
		              s->devices[d].n_layers + s->devices[d].output);
}

/* Room for all numbers of options(). */
#define OPTIONS_BYTES (64 + 21 * (FMT_MAX_DEVICES + 2))

static void range(const struct fmt_place *p, char *text, size_t size)
{
	int n = 0;

	text[0] = 0;
	if (p->n_layers)
		n = snprintf(text, size, p->n_layers == 1 ? "%" PRIu64 : "%" PRIu64 "-%" PRIu64, p->first, p->first + p->n_layers - 1);
	if (p->output)
		snprintf(text + n, size - (size_t)n, "%s", n ? ", out" : "out");
}

/* memory 0: not known, as the CPU's. */
static void place(const char *name, const struct fmt_place *p, uint64_t memory)
{
	char layers[64], weights[32], cache[32], compute[32], total[32], left[32];

	range(p, layers, sizeof layers);
	printf("  %-15s %-10s %9s %9s %9s %9s", name, layers, cli_bytes(p->weights, weights), cli_bytes(p->kv + p->state, cache),
	       cli_bytes(p->compute, compute), cli_bytes(p->total, total));
	if (memory)
		printf(" %9s", cli_bytes(memory - p->total, left));
	putchar('\n');
}

static void devices(const struct mem_report *r, const struct mem_weights *w)
{
	char text[OPTIONS_BYTES];

	options(w, text, sizeof text);
	printf("\n%s: %s\n", w->name, text);
	printf("  %-15s %-10s %9s %9s %9s %9s %9s\n", "device", "layers", "weights", "cache", "compute", "total", "free");
	for (size_t d = 0; d < w->split.n_devices; d++)
		place(r->cards.name[d], &w->split.devices[d], r->cards.o.memory[d]);
	place("CPU", &w->split.cpu, 0);
}

/* One type in a line. */
static void row(const struct mem_report *r, const struct mem_weights *w)
{
	char text[OPTIONS_BYTES], context[32], cpu[32];

	options(w, text, sizeof text);
	printf("  %-9s %-5s %10s %9s  %s\n", w->name, w->ok ? "all" : "part", mem_fits_upto(r, w, context),
	       cli_bytes(w->split.cpu.total, cpu), text);
}

void mem_print_gpu(const struct mem_report *r)
{
	uint64_t least = UINT64_MAX;
	char context[32], margin[32];

	for (size_t d = 0; d < r->cards.o.n_devices; d++)
		least = r->cards.o.margin[d] < least ? r->cards.o.margin[d] : least;
	printf("\non %zu device%s at %s tokens", r->cards.o.n_devices, r->cards.o.n_devices == 1 ? "" : "s",
	       cli_thousands(r->fit_context, context));
	if (r->cache.sequences > 1)
		printf(" x %" PRIu64, r->cache.sequences);
	printf(", %s or more left free on each\n", cli_bytes(least, margin));
	printf("  %-9s %-5s %10s %9s  %s\n", "type", "there", "all up to", "on CPU", "options of llama.cpp");
	for (size_t i = 0; i < r->n_weights; i++)
		row(r, &r->weights[i]);
	devices(r, shown(r));
	if (!r->best)
		printf("nothing fits as a whole: layers or experts stay in the CPU's memory\n");
}

static void json_place(struct cli_json *j, const char *name, const struct fmt_place *p, const uint64_t *memory)
{
	cli_json_object(j, NULL);
	cli_json_cstr(j, "name", name);
	if (p->n_layers)
		cli_json_u64(j, "first_layer", p->first);
	cli_json_u64(j, "layers", p->n_layers);
	cli_json_bool(j, "output", p->output);
	cli_json_u64(j, "weights_bytes", p->weights);
	cli_json_u64(j, "cache_bytes", p->kv);
	cli_json_u64(j, "state_bytes", p->state);
	cli_json_u64(j, "compute_bytes", p->compute);
	cli_json_u64(j, "total_bytes", p->total);
	if (memory)
		cli_json_u64(j, "free_bytes", *memory - p->total);
	cli_json_close(j, '}');
}

static void json_split(const struct mem_report *r, struct cli_json *j, const struct mem_weights *w)
{
	char text[OPTIONS_BYTES];

	options(w, text, sizeof text);
	cli_json_object(j, NULL);
	cli_json_cstr(j, "quant", w->name);
	cli_json_bool(j, "fits", w->ok);
	cli_json_u64(j, "longest_context", w->fits);
	cli_json_u64(j, "gpu_layers", w->split.gpu_layers);
	cli_json_u64(j, "cpu_moe_layers", w->split.cpu_experts);
	cli_json_bool(j, "tensor_split", w->split.by_hand);
	cli_json_cstr(j, "options", text);
	cli_json_array(j, "places");
	for (size_t d = 0; d < w->split.n_devices; d++)
		json_place(j, r->cards.name[d], &w->split.devices[d], &r->cards.o.memory[d]);
	json_place(j, "CPU", &w->split.cpu, NULL);
	cli_json_close(j, ']');
	cli_json_close(j, '}');
}

void mem_json_gpu(const struct mem_report *r, struct cli_json *j)
{
	cli_json_object(j, "devices");
	cli_json_u64(j, "context", r->fit_context);
	cli_json_u64(j, "sequences", r->cache.sequences);
	cli_json_bool(j, "fits", r->best != NULL);
	if (r->best)
		cli_json_cstr(j, "best", r->best->name);
	cli_json_array(j, "cards");
	for (size_t d = 0; d < r->cards.o.n_devices; d++) {
		cli_json_object(j, NULL);
		cli_json_cstr(j, "name", r->cards.name[d]);
		cli_json_u64(j, "bytes", r->cards.o.memory[d]);
		cli_json_u64(j, "margin_bytes", r->cards.o.margin[d]);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
	cli_json_array(j, "quants");
	for (size_t i = 0; i < r->n_weights; i++)
		json_split(r, j, &r->weights[i]);
	cli_json_close(j, ']');
	cli_json_close(j, '}');
}
