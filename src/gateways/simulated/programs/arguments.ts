/** The value of `--option=value`; undefined without it. */
export function optionOf(args: readonly string[], option: string): string | undefined {
  return args.find((arg) => arg.startsWith(`${option}=`))?.slice(option.length + 1);
}

/** Every value of an option that may come more than once. */
export function optionsOf(args: readonly string[], option: string): readonly string[] {
  return args.filter((arg) => arg.startsWith(`${option}=`)).map((arg) => arg.slice(option.length + 1));
}
