import { StewardError, toStewardError } from '../../errors/steward-error.js';
import { measured } from './measured.js';
import type { InitializeContext, Initialized, InitializerPlan } from './plan.js';

/** Several initializers in list order, the first failure ends it; where children come from is not told on. */
export function planComposite(children: readonly InitializerPlan[]): InitializerPlan {
  return {
    kind: 'composite',
    description: children.map(({ description }) => description).join('; then ') || 'nothing',
    checkoutLocations: [...new Set(children.flatMap(({ checkoutLocations }) => checkoutLocations))],
    run: (context) => run(children, context),
  };
}

async function run(children: readonly InitializerPlan[], context: InitializeContext): Promise<Initialized> {
  const { result, metric } = await measured(context, 'composite', async () => {
    const done: Initialized[] = [];
    for (const [index, child] of children.entries()) {
      context.signal.throwIfAborted();
      const isShared = context.isShared === true || index > 0;
      done.push(await named(index, child, { ...context, isShared }));
    }
    return done;
  });
  return {
    source: 'from-other',
    metrics: [...result.flatMap(({ metrics }) => metrics), metric],
    warnings: result.flatMap(({ warnings }) => warnings),
  };
}

/** Of many, a failure says which one it was. */
async function named(
  index: number,
  child: InitializerPlan,
  context: InitializeContext,
): Promise<Initialized> {
  try {
    return await child.run(context);
  } catch (error) {
    context.signal.throwIfAborted();
    const { code, message } = toStewardError(error, 'content-initialization-failed');
    const text = child.kind === 'composite' ? message : `initializer ${index} (${child.kind}): ${message}`;
    throw new StewardError(code, text, { cause: error });
  }
}
