// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Agent.Capture;
using Lifeboat.Agent.Capture.Moments;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Agents;
using Lifeboat.Protection;
using Lifeboat.Protection.Groups;
using Lifeboat.Protection.Policies;
using Lifeboat.Qemu;
using Lifeboat.Quiescing;
using Lifeboat.Replication.Capture;

namespace Lifeboat.Agent.Sources;

/// <summary>Looks at what a source asks for before anything of it is begun.</summary>
internal static class SourceChecks
{
    public static void Form(SourceSpec spec)
    {
        var problems = Problems(spec).ToList();
        if (problems.Count > 0)
            throw new ProblemException(ReasonCode.InvalidRequest, $"the source of '{spec.Group}' has faults", null,
                problems);
    }

    /// <exception cref="ProblemException">MonitorUnreachable, VolumeUnknown or InvalidRequest.</exception>
    public static async Task MonitorsAsync(SourceSpec spec, QemuMonitors monitors, CancellationToken ct)
    {
        foreach (var volumes in spec.Volumes.GroupBy(v => v.QmpSocket))
        {
            try
            {
                var blocks = await monitors.Of(volumes.Key).TalkAsync(
                    qmp => qmp.ExecuteAsync("query-block", null, ct), ct);
                foreach (var volume in volumes)
                {
                    if (spec.Policy.Source == ChangeSource.SnapshotDiff)
                        _ = RbdDisks.Read(volume, BlockNode.FileOf(blocks, volume.Device), null);
                    if (BlockNode.Find(blocks, volume.Device).SizeBytes is var size && size < volume.SizeBytes)
                        throw new ProblemException(ReasonCode.InvalidRequest,
                            $"volume {volume.Name} is {size} bytes now, the group knows {volume.SizeBytes}",
                            "A disk that became smaller must be protected anew.");
                }
            }
            catch (TapException e) when (e.Fault == TapFault.DiskNotFound)
            {
                throw new ProblemException(ReasonCode.VolumeUnknown, e.Message, $"monitor {volumes.Key}", cause: e);
            }
            catch (TapException e) when (e is { Fault: TapFault.Refused, InnerException: null })
            {
                throw new ProblemException(ReasonCode.InvalidRequest, e.Message, $"monitor {volumes.Key}", cause: e);
            }
            catch (TapException e)
            {
                throw Unreachable(volumes.Key, volumes.First().Instance, e);
            }
        }
    }

    private static ProblemException Unreachable(string socket, string instance, TapException e)
    {
        var what = e.InnerException is QmpException { Fault: QmpFault.Busy }
            ? "Another client keeps it: end that, or give the instance a second -qmp socket and adopt it with that one."
            : $"Start the instance with `-qmp unix:{socket},server=on,wait=off`, or adopt it with the right socket.";
        return new ProblemException(ReasonCode.MonitorUnreachable,
            $"the QMP monitor of instance {instance} cannot be reached at {socket}", $"{e.Message}. {what}", cause: e);
    }

    private static IEnumerable<string> Problems(SourceSpec spec)
    {
        if (!GroupName.IsValid(spec.Group)) yield return $"group is '{spec.Group}'; {GroupName.Rule}";
        if (!EntityName.IsValid(spec.RecoverySite))
            yield return $"recoverySite is '{spec.RecoverySite}'; {EntityName.Rule}";
        if (spec.Epoch < Epoch.First) yield return $"epoch is {spec.Epoch}; the first is {Epoch.First}";
        if (spec.Volumes.Count == 0) yield return "volumes is empty";
        if (spec.Volumes.DistinctBy(v => v.Index).Count() != spec.Volumes.Count) yield return "volumes: an index twice";
        if (spec.Volumes.DistinctBy(v => v.Name).Count() != spec.Volumes.Count) yield return "volumes: a name twice";
        foreach (var volume in spec.Volumes.Where(v => v.SizeBytes <= 0 || v.SizeBytes % 512 != 0))
            yield return $"volume {volume.Name}: sizeBytes is {volume.SizeBytes}; it must be a multiple of 512";
        foreach (var problem in spec.Suspension?.Problems() ?? []) yield return problem;
        foreach (var problem in spec.Policy.Problems()) yield return problem;
        foreach (var problem in QuiesceProviders.Shipped().Problems(spec.Policy.Quiesce.All))
            yield return $"policy.quiesce: {problem}";
    }
}
