/**
 * Breaks each machine in every way `mutantsOf` knows, one at a time, and holds each broken one against the
 * relation written by hand. Exits 0 only when all of them are found out. Names of machines as arguments leave out
 * the others.
 */
import { proofs } from '../machines/relations/all.js';
import { killedBy } from './check.js';
import { mutantsOf } from './mutate.js';

let total = 0;
let killed = 0;
const wanted = process.argv.slice(2);
for (const proof of proofs.filter(({ name }) => wanted.length === 0 || wanted.includes(name))) {
  const fault =
    proof.startFault(proof.machine) ?? firstFault(proof.cases.map((one) => one.fault(proof.machine)));
  if (fault !== undefined) throw new Error(`${proof.name} does not keep its relation unbroken: ${fault}`);
  const mutants = mutantsOf(proof.machine);
  const survivors = mutants.filter((mutant) => killedBy(proof, mutant) === undefined);
  for (const { name } of survivors) console.log(`survives: ${proof.name} ${name}`);
  console.log(`${proof.name}: ${mutants.length - survivors.length} of ${mutants.length} killed`);
  total += mutants.length;
  killed += mutants.length - survivors.length;
}
console.log(`mutants: ${killed} of ${total} killed`);
process.exitCode = killed === total && total > 0 ? 0 : 1;

function firstFault(faults: readonly (string | undefined)[]): string | undefined {
  return faults.find((fault) => fault !== undefined);
}
