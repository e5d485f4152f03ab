// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Journaling.Storage;

/// <summary>
/// The rooms that a simulated world rented on its thread. When the world has ended nobody runs who could use them, and
/// all that were not returned (by processes that were killed) come back: memory of huge pages, made anew for each
/// life, would be a quarter of what a world costs.
/// </summary>
public sealed class IoRoomLoan
{
    private readonly List<IoRoom> _rooms = [];

    /// <summary>The world is over: everything is back.</summary>
    public void End()
    {
        foreach (var room in _rooms) room.ReturnFrom(this);
        _rooms.Clear();
    }

    internal void Note(IoRoom room) => _rooms.Add(room);
}
