// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;

namespace Lifeboat.Cli.Commands;

internal sealed class InstanceListCommand() : LifeboatCommand("instance", "list", "List the instances of this site")
{
    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var instances = await session.Controller.InstancesAsync(ct);
        session.Output.Write(instances, table =>
        {
            table.AddColumns("instance", "host", "power", "adopted", "cpus", "memory", "disks");
            foreach (var i in instances)
                table.AddRow(i.Name, i.Host, Show.Name(i.Power), i.Adopted ? "yes" : "no", $"{i.Description.Cpus}",
                    $"{i.Description.MemoryMiB} MiB",
                    string.Join(", ", i.Disks.Select(d => $"{d.Name} {Show.Bytes(d.SizeBytes)}")));
        });
        return ExitCode.Ok;
    }
}
