/* llm-mem --bandwidth, --tflops: how fast it can be at most. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include <libfmt/cards.h>

#include "llm_mem.h"

bool mem_speed_options(struct mem_speed *s, struct fmt_err *err)
{
	const struct fmt_card *card = s->card ? fmt_card_find(s->card, strlen(s->card)) : NULL;

	if (s->card && !card)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--speed: '%s' is no card of the table (man llm-mem); give --bandwidth and "
		                "--tflops", s->card);
	if ((s->bandwidth_given && !(s->bandwidth > 0 && isfinite(s->bandwidth))) ||
	    (s->tflops_given && !(s->tflops > 0 && isfinite(s->tflops))))
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "--bandwidth and --tflops: numbers above 0");
	if (card && !s->bandwidth_given)
		s->bandwidth = card->bandwidth;
	if (card && !s->tflops_given)
		s->tflops = card->tflops;
	return true;
}

static bool step(const struct mem_report *r, const struct mem_weights *w, uint64_t context, struct fmt_step *s,
                 struct fmt_err *err)
{
	struct fmt_cache_opts o = r->cache;

	o.context = context;
	return fmt_speed_step(&r->e, w->token_bytes, &o, s, err);
}

static double per_second(const struct mem_report *r, const struct fmt_step *s)
{
	return r->speed.bandwidth * 1e9 / (double)s->total;
}

static double prompt_per_second(const struct mem_report *r, const struct fmt_prompt *p, uint64_t tokens)
{
	return r->speed.tflops * 1e12 / p->total * (double)tokens;
}

bool mem_speed_rates(const struct mem_report *r, const struct mem_weights *w, const struct fmt_cache_opts *o,
                     double *generating, double *reading, struct fmt_err *err)
{
	struct fmt_step s = { .total = 0 };
	struct fmt_prompt p;

	*generating = *reading = 0;
	if (!r->e.layers_known)
		return true;
	if (r->speed.bandwidth > 0) {
		if (!fmt_speed_step(&r->e, w->token_bytes, o, &s, err))
			return false;
		*generating = per_second(r, &s);
	}
	if (r->speed.tflops > 0) {
		fmt_speed_prompt(&r->e, r->view, o->context, &p);
		*reading = prompt_per_second(r, &p, o->context);
	}
	return true;
}

static void contexts_line(const struct mem_report *r, const char *what)
{
	char text[32];

	printf("  %-10s", what);
	for (size_t i = 0; i < r->n_contexts; i++)
		printf(" %12s", cli_thousands(r->contexts[i], text));
	putchar('\n');
}

static bool generating_text(const struct mem_report *r, struct fmt_err *err)
{
	struct fmt_step s = { .total = 0 };
	char text[32];

	printf("\ngenerating, tokens/s at most: %g GB/s over the bytes that a token moves\n", r->speed.bandwidth);
	contexts_line(r, "type");
	for (size_t k = 0; k < r->n_weights; k++) {
		printf("  %-10s", r->weights[k].name);
		for (size_t i = 0; i < r->n_contexts; i++) {
			if (!step(r, &r->weights[k], r->contexts[i], &s, err))
				return false;
			printf(" %12.*f", per_second(r, &s) < 100 ? 1 : 0, per_second(r, &s));
		}
		putchar('\n');
	}
	/* the last one as its sum */
	printf("  %s at %s: ", r->weights[r->n_weights - 1].name, cli_thousands(r->contexts[r->n_contexts - 1], text));
	printf("%s weights", cli_bytes(s.weights, text));
	printf(" + %s cache", cli_bytes(s.cache, text));
	if (s.state)
		printf(" + %s state", cli_bytes(s.state, text));
	putchar('\n');
	return true;
}

static void reading_text(const struct mem_report *r)
{
	struct fmt_prompt p;

	printf("\nreading a prompt at once, at most: %g TFLOPS over its operations\n", r->speed.tflops);
	contexts_line(r, "tokens");
	printf("  %-10s", "tokens/s");
	for (size_t i = 0; i < r->n_contexts; i++) {
		fmt_speed_prompt(&r->e, r->view, r->contexts[i], &p);
		printf(" %12.0f", prompt_per_second(r, &p, r->contexts[i]));
	}
	printf("\n  %-10s", "seconds");
	for (size_t i = 0; i < r->n_contexts; i++) {
		fmt_speed_prompt(&r->e, r->view, r->contexts[i], &p);
		printf(" %12.3g", p.total / (r->speed.tflops * 1e12));
	}
	printf("\n  %-10s", "attention");
	for (size_t i = 0; i < r->n_contexts; i++) {
		fmt_speed_prompt(&r->e, r->view, r->contexts[i], &p);
		printf(" %11.1f%%", 100 * p.attention / p.total);
	}
	putchar('\n');
}

static bool generating_json(const struct mem_report *r, struct cli_json *j, struct fmt_err *err)
{
	cli_json_array(j, "generating");
	for (size_t k = 0; k < r->n_weights; k++)
		for (size_t i = 0; i < r->n_contexts; i++) {
			struct fmt_step s;

			if (!step(r, &r->weights[k], r->contexts[i], &s, err))
				return false;
			cli_json_object(j, NULL);
			cli_json_cstr(j, "quant", r->weights[k].name);
			cli_json_u64(j, "context", r->contexts[i]);
			cli_json_u64(j, "weights_bytes", s.weights);
			cli_json_u64(j, "cache_bytes", s.cache);
			cli_json_u64(j, "state_bytes", s.state);
			cli_json_u64(j, "total_bytes", s.total);
			cli_json_f64(j, "tokens_per_second_at_most", per_second(r, &s));
			cli_json_close(j, '}');
		}
	cli_json_close(j, ']');
	return true;
}

static void reading_json(const struct mem_report *r, struct cli_json *j)
{
	cli_json_array(j, "reading");
	for (size_t i = 0; i < r->n_contexts; i++) {
		struct fmt_prompt p;

		fmt_speed_prompt(&r->e, r->view, r->contexts[i], &p);
		cli_json_object(j, NULL);
		cli_json_u64(j, "tokens", r->contexts[i]);
		cli_json_f64(j, "linear_operations", p.linear);
		cli_json_f64(j, "attention_operations", p.attention);
		cli_json_f64(j, "output_operations", p.output);
		cli_json_f64(j, "tokens_per_second_at_most", prompt_per_second(r, &p, r->contexts[i]));
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

bool mem_speed_print(const struct mem_report *r, struct cli_json *j, struct fmt_err *err)
{
	const struct mem_speed *s = &r->speed;
	bool ok = true;

	if (s->bandwidth == 0 && s->tflops == 0)
		return true;
	if (!r->e.layers_known)
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "no bound of speed: this architecture is not described here");
	if (!j) {
		ok = s->bandwidth == 0 || generating_text(r, err);
		if (ok && s->tflops > 0)
			reading_text(r);
		return ok;
	}
	cli_json_object(j, "speed");
	if (s->bandwidth > 0) {
		cli_json_f64(j, "bandwidth_gb_per_second", s->bandwidth);
		ok = generating_json(r, j, err);
	}
	if (ok && s->tflops > 0) {
		cli_json_f64(j, "tflops", s->tflops);
		reading_json(r, j);
	}
	cli_json_close(j, '}');
	return ok;
}
