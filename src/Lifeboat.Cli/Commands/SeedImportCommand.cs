// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class SeedImportCommand() : SeedCommand("import",
    "Let the replica of a group begin with a seed that was carried here, at the recovery site",
    "--from", "The directory GROUP.seed, or the one that it lies in")
{
    private protected override Task<SeedInfo> AskAsync(
        ControllerClient controller, string group, SeedRequest request, CancellationToken ct) =>
        controller.ImportSeedAsync(group, request, ct);
}
