// SPDX-License-Identifier: Apache-2.0
using System.CommandLine;
using Lifeboat.Contracts.Agents;

namespace Lifeboat.Cli.Commands;

internal sealed class PointExportCommand : LifeboatCommand
{
    private readonly Argument<string> _group = Inputs.Group();
    private readonly Option<string?> _point = Inputs.Point();
    private readonly Option<DirectoryInfo> _to = new("--to")
    {
        Description = "Directory for the images",
        Required = true,
    };


    public PointExportCommand() : base("point", "export",
        "Write the disks of a recovery point as sparse raw files, at the recovery site")
    {
        Add(_group);
        Add(_point);
        Add(_to);
    }

    protected override async Task<int> RunAsync(ParseResult parsed, CommandSession session, CancellationToken ct)
    {
        var group = parsed.GetRequiredValue(_group);
        var folder = parsed.GetRequiredValue(_to);
        if (!session.IsDryRun) UserFile.Folder(_to.Name, folder.FullName);
        var name = $"export-{Environment.ProcessId}";
        var point = parsed.GetValue(_point) is { } text ? session.PointId(text) : (Guid?)null;
        var view = await session.Controller.OpenViewAsync(group, new ViewRequest(name, point, null, false), ct);
        try
        {
            foreach (var volume in view.Volumes)
                await ViewExport.CopyAsync(volume, Path.Combine(folder.FullName, volume.Name + ".img"), ct);
        }
        finally
        {
            await session.Controller.CloseViewAsync(group, name, CancellationToken.None);
        }
        session.Output.Write(view, table =>
        {
            table.AddColumns("volume", "size", "file");
            foreach (var v in view.Volumes)
                table.AddRow(v.Name, Show.Bytes(v.SizeBytes), Path.Combine(folder.FullName, v.Name + ".img"));
        });
        return ExitCode.Ok;
    }
}
