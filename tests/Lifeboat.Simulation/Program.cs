// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Simulation;

RoomyStart.Ensure();

return args switch
{
    ["swarm", .. var rest] => SwarmCommand.Run(new Arguments(rest)),
    ["replay", .. var rest] => ReplayCommand.Run(new Arguments(rest)),
    ["crash-states", .. var rest] => CrashStatesCommand.Run(new Arguments(rest)),
    ["mutants", .. var rest] => MutantsCommand.Run(new Arguments(rest)),
    ["minimise", .. var rest] => MinimiseCommand.Run(new Arguments(rest)),
    _ => Arguments.Usage(),
};
