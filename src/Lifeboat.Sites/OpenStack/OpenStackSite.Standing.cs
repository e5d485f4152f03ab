// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Sites.OpenStack.Describing;
using Lifeboat.Sites.OpenStack.Mapping;

namespace Lifeboat.Sites.OpenStack;

internal sealed partial class OpenStackSite : IKeepsStandingVolumes
{
    public StandingRules? StandingRules => _options.Standing?.Rules;

    public Task<IReadOnlyList<StandingVolume>> StandingAsync(CancellationToken ct) =>
        AskAsync(() => _volumes.StandingAsync(ct));

    // An instance that has a server here comes home to that one and its volumes.
    public Task<StandingVolume?> BringAsync(StandingOrder order, IProgress<StandingProgress> progress,
        CancellationToken ct) => AskAsync(async () =>
        {
            if (_options.Standing is not { } options
                || ServerNames.Of(await _cloud.Nova.ServersAsync(ct)).ContainsKey(order.Instance.Name)) return null;
            var mapping = CloudMapper.Map([order.Instance], await SurroundingsAsync(ct), _options.Map).Servers[0];
            var from = CloudMapper.AsServer(order.Instance).Disks.FirstOrDefault(d => d.Disk == order.Source.Disk);
            if (mapping.Find(MappedKind.VolumeType, from?.Type ?? "")?.To is not { } type
                || _options.Volumes.GetValueOrDefault(type) is not { Appliance: false }
                || options.VolumeTypes.Count > 0 && !options.VolumeTypes.Contains(type)) return null;
            return await _volumes.BringAsync(order, type, options, progress, ct);
        });

    public Task RemoveStandingAsync(StandingVolume volume, CancellationToken ct) => AskAsync(async () =>
    {
        await _volumes.RemoveStandingAsync(volume, ct);
        return true;
    });
}
