// SPDX-License-Identifier: GPL-2.0
/* Load and unload the module that provides the archive, with libkmod. */
#include <errno.h>
#include <libkmod.h>
#include <string.h>

#include "kheaders.h"

static struct kmod_ctx *new_context(void)
{
	struct kmod_ctx *ctx = kmod_new(NULL, NULL);

	if (ctx)
		kmod_set_log_priority(ctx, 0);
	else
		fail(MODULE_NAME, "libkmod cannot be initialized");
	return ctx;
}

/* Find the module and its state; NULL if it does not exist. */
static struct kmod_module *find_module(struct kmod_ctx *ctx, enum module_state *state)
{
	struct kmod_module *mod = NULL;
	struct kmod_list *list = NULL;

	*state = MODULE_NONE;
	if (kmod_module_new_from_lookup(ctx, MODULE_NAME, &list) >= 0 && list)
		mod = kmod_module_get_module(list);
	kmod_module_unref_list(list);
	if (!mod)
		return NULL;
	switch (kmod_module_get_initstate(mod)) {
	case KMOD_MODULE_BUILTIN:
		*state = MODULE_BUILTIN;
		break;
	case KMOD_MODULE_LIVE:
	case KMOD_MODULE_COMING:
		*state = MODULE_LOADED;
		break;
	default:
		*state = MODULE_AVAILABLE;
	}
	return mod;
}

enum module_load module_load(void)
{
	struct kmod_ctx *ctx = new_context();
	enum module_load result = LOAD_NONE;
	enum module_state state;
	struct kmod_module *mod;
	int ret;

	if (!ctx)
		return LOAD_FAILED;
	mod = find_module(ctx, &state);
	if (state == MODULE_BUILTIN) {
		result = LOAD_BUILTIN;
	} else if (mod) {
		ret = kmod_module_probe_insert_module(mod, KMOD_PROBE_FAIL_ON_LOADED,
						      NULL, NULL, NULL, NULL);
		result = LOAD_DONE;
		if (ret == -EEXIST) {
			result = LOAD_ALREADY;
		} else if (ret == -EBUSY) {
			/* being unloaded; since 6.2 and in 6.1.y the kernel does not wait */
			result = LOAD_BUSY;
		} else if (ret) {
			errno = ret < 0 ? -ret : EIO;
			result = fail_errno(MODULE_NAME, "the module cannot be loaded");
		}
	}
	kmod_module_unref(mod);
	kmod_unref(ctx);
	return result;
}

int module_unload(void)
{
	struct kmod_ctx *ctx = new_context();
	struct kmod_module *mod;
	int ret = -ENOENT;

	if (!ctx)
		return -1;
	if (!kmod_module_new_from_name(ctx, MODULE_NAME, &mod)) {
		ret = kmod_module_remove_module(mod, 0);
		kmod_module_unref(mod);
	}
	kmod_unref(ctx);
	/* already unloaded by another process, or in use */
	if (!ret || ret == -ENOENT || ret == -EAGAIN || ret == -EBUSY)
		return 0;
	errno = -ret;
	return fail_errno(MODULE_NAME, "the module cannot be unloaded");
}

enum module_state module_state(void)
{
	struct kmod_ctx *ctx = new_context();
	enum module_state state = MODULE_NONE;

	if (ctx) {
		kmod_module_unref(find_module(ctx, &state));
		kmod_unref(ctx);
	}
	return state;
}
