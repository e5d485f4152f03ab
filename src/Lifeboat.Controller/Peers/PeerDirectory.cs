// SPDX-License-Identifier: Apache-2.0
using System.Collections.Concurrent;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Api;
using Lifeboat.Controller.Identity;
using Lifeboat.Controller.Storage;
using Lifeboat.Protection;

namespace Lifeboat.Controller.Peers;

/// <summary>The paired sites, with one client each, made when first needed.</summary>
internal sealed class PeerDirectory(PeerStore store, SiteIdentity identity, TimeProvider time) : IDisposable
{
    private readonly ConcurrentDictionary<string, (StoredPeer Peer, PeerClient Client)> _clients = new();
    private readonly ConcurrentDictionary<string, bool> _merging = new(StringComparer.Ordinal);

    /// <summary>As stored: another controller of the site may have paired, or learnt of other addresses.</summary>
    public IReadOnlyList<StoredPeer> All
    {
        get
        {
            var all = store.All();
            foreach (var peer in all)
                if (_clients.TryGetValue(peer.Name, out var known) && known.Peer.Url != peer.Url)
                    _clients.TryRemove(new KeyValuePair<string, (StoredPeer, PeerClient)>(peer.Name, known));
            return all;
        }
    }

    /// <exception cref="ProblemException">SiteUnknown.</exception>
    public StoredPeer Get(string site) => store.Find(site) ?? throw Unknown(site);

    public bool Knows(string site) => store.Find(site) is not null;

    public PeerClient Client(string site) => _clients.GetOrAdd(site, name =>
    {
        var peer = Get(name);
        return (peer, new PeerClient(name, peer.Url, identity, time));
    }).Client;

    /// <summary>Every connection made from now on shows the site's present certificate.</summary>
    public void Renew()
    {
        foreach (var (_, client) in _clients.Values) client.Renew();
    }

    /// <summary>It did not answer when it was last asked, or it has not been asked yet.</summary>
    public bool IsAway(string site) => Knows(site) && !Client(site).Answers;

    /// <summary>It learns of edits that are made here of groups that run there, as far as it ever said.</summary>
    public bool MergesEdits(string site) => _merging.ContainsKey(site) || store.MergesEdits(site);

    /// <summary>The site says whether it merges edits of groups.</summary>
    public void LearnMerging(string site, bool merges)
    {
        if (MergesEdits(site) != merges) store.SaveMergesEdits(site, merges);
        if (merges) _merging[site] = true;
        else _merging.TryRemove(site, out _);
    }

    public PeerSide Side(string site) => new(site, Client(site));

    public long RequestsTo(string site) => _clients.TryGetValue(site, out var known) ? known.Client.Requests : 0;

    public long Requests => _clients.Values.Sum(c => c.Client.Requests);

    /// <summary>Keeps a newly paired site; its address may have changed since an earlier pairing.</summary>
    public void Save(StoredPeer peer)
    {
        store.Save(peer);
        // The old client is left to the garbage collector: requests may still be under way on it.
        _clients.TryRemove(peer.Name, out _);
    }

    /// <summary>The site says where it is reached now; null: nothing new.</summary>
    public void Learn(string site, string? urls)
    {
        if (urls is null || !ControllerUrls.AreValid(urls) || store.Find(site) is not { } known || known.Url == urls)
            return;
        Save(known with { Url = urls });
    }

    public PeerInfo Describe(StoredPeer peer)
    {
        var client = _clients.TryGetValue(peer.Name, out var known) ? known.Client : null;
        return new PeerInfo(peer.Name, peer.Url, peer.Link, peer.Fingerprint, peer.PairedAt,
            client?.Answers == true, client?.LastReason ?? ReasonCode.None,
            client?.LastSeen, client?.Requests ?? 0);
    }

    public void Dispose()
    {
        foreach (var (_, client) in _clients.Values) client.Dispose();
    }

    private static ProblemException Unknown(string site) => new(ReasonCode.SiteUnknown,
        $"this site is not paired with a site {site}",
        "Pair them with `lifeboat site token` and `lifeboat site pair`.");
}
