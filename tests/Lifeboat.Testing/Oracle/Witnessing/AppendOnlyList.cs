// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <summary>
/// Grows at the end only, so a snapshot is the array and a length, not a copy: a guest reports a thousand times a
/// second and is asked about after each report. Calls are made under the owner's lock; snapshots are read without.
/// </summary>
internal sealed class AppendOnlyList<T>
{
    private T[] _items = new T[64];

    public int Count { get; private set; }
    public T this[Index index] => _items[index.GetOffset(Count)];

    public void Add(T item)
    {
        if (Count == _items.Length) Array.Resize(ref _items, Count * 2);
        _items[Count++] = item;
    }

    public IReadOnlyList<T> Snapshot() => new ArraySegment<T>(_items, 0, Count);
}
