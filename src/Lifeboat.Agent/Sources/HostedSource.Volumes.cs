// SPDX-License-Identifier: Apache-2.0
using System.Text.Json.Nodes;
using Lifeboat.Agent.Capture;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Qemu;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Sources;

// One volume of the group: let go of it, resize it, take it back.
internal sealed partial class HostedSource
{
    private static readonly TimeSpan ResizeLimit = TimeSpan.FromMinutes(1);

    /// <exception cref="ProblemException">VolumeUnknown, InvalidRequest, MonitorUnreachable.</exception>
    public async Task ReleaseVolumeAsync(string volume, ReleaseVolumeRequest request, CancellationToken ct)
    {
        Find(volume);
        if (request.Problems().ToList() is { Count: > 0 } problems)
            throw new ProblemException(ReasonCode.InvalidRequest, problems[0], null, problems);
        try
        {
            await _source.ReleaseAsync(volume, request.For, request.Reason, ct);
        }
        catch (TapException e)
        {
            throw new ProblemException(ReasonCode.MonitorUnreachable, $"{volume} could not be released", e.Message,
                cause: e);
        }
    }

    public void CaptureVolume(string volume)
    {
        Find(volume);
        _source.Recapture(volume);
    }

    /// <exception cref="ProblemException">As above; Conflict: QEMU refused to resize it.</exception>
    public async Task ResizeVolumeAsync(string volume, ResizeVolumeRequest request, CancellationToken ct)
    {
        var spec = Find(volume);
        var now = _source.Snapshot().Volumes.First(v => v.Name == volume).SizeBytes;
        if (request.SizeBytes % 512 != 0 || request.SizeBytes < now)
            throw new ProblemException(ReasonCode.InvalidRequest,
                $"{volume} has {now} bytes; it can become longer only, by a multiple of 512");
        await ReleaseVolumeAsync(volume, new ReleaseVolumeRequest(ResizeLimit, "it is being resized"), ct);
        try
        {
            await _parts.Monitors.Of(spec.QmpSocket).TalkAsync(async qmp =>
            {
                var node = await BlockNode.FindAsync(qmp, spec.Device, ct);
                await qmp.ExecuteAsync("block_resize",
                    new JsonObject { ["node-name"] = node.Name, ["size"] = request.SizeBytes }, ct);
            }, ct);
        }
        catch (TapException e) when (e.InnerException is QmpException { Fault: QmpFault.Refused })
        {
            throw new ProblemException(ReasonCode.Conflict, $"QEMU did not resize {volume}", e.Message, cause: e);
        }
        catch (TapException e)
        {
            throw new ProblemException(ReasonCode.MonitorUnreachable, $"{volume} could not be resized", e.Message,
                cause: e);
        }
        finally
        {
            _source.Recapture(volume);
        }
    }

    private SourceVolume Find(string volume) => Spec.Volumes.FirstOrDefault(v => v.Name == volume)
        ?? throw new ProblemException(ReasonCode.VolumeUnknown, $"group {Spec.Group} has no volume {volume}",
            $"It has {string.Join(", ", Spec.Volumes.Select(v => v.Name))}.");
}
