// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts.Agents;
using Lifeboat.Contracts.Api;

namespace Lifeboat.Cli.Commands;

internal sealed class SeedExportCommand() : SeedCommand("export",
    "Write the disks of a group to a medium while its instances run, at the primary site",
    "--to", "Directory that is there, of a disk to carry; a directory GROUP.seed is made in it")
{
    private protected override Task<SeedInfo> AskAsync(
        ControllerClient controller, string group, SeedRequest request, CancellationToken ct) =>
        controller.ExportSeedAsync(group, request, ct);
}
