// Plain JavaScript on purpose: it must run on the old Node it complains about.
//
// Every npm script runs on the Node that the dev dependency "node" pins (see .node-version). Where npm was
// told not to run install scripts, that Node is missing and the host's own is used instead; this says so,
// before a syntax error in a .ts file does.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 24 || (major === 24 && minor < 12)) {
  console.error(
    `Switchyard is developed on Node 24.12 or newer; this script is running on Node ${process.versions.node}.\n` +
      `The dev dependency "node" brings Node 24 for every npm script. Run:\n\n` +
      `  npm ci\n\n` +
      `without --ignore-scripts (it installs that Node), then run this command again through npm.`,
  );
  process.exit(1);
}
