// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Storage;

/// <summary>
/// What a loss of power leaves of changes that were not flushed. Names within a folder reach the medium in the order of
/// their changes in every style, as with a file system that journals its metadata; the bytes of files do so in none
/// that says otherwise, and independently of names and lengths, which is harsher than data=ordered.
/// </summary>
public enum CrashStyle
{
    /// <summary>Every change by the seed's dice: kept, lost, or torn by sectors; names up to a random change.</summary>
    Random = 0,
    /// <summary>All of it arrived: what a process that was killed leaves to the next one.</summary>
    KeepAll = 1,
    /// <summary>None of it did.</summary>
    LoseAll = 2,
    /// <summary>All of it, but of the newest write only some sectors.</summary>
    TearLast = 3,
    /// <summary>All changes of the disk up to a random one, bytes and names alike, and none behind it.</summary>
    Prefix = 4,
    /// <summary>Every write torn by sectors, every other change kept or lost.</summary>
    TearAll = 5,
    /// <summary>The names are all there, the bytes by dice: a rename that overtook what it names.</summary>
    NamesFirst = 6,
}
